import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { createSigner, parsePublicKeys } from "#nervous-system/codecs/dsse.ts";
import { startControlPlane, type ControlPlane } from "#platform/cluster/control-plane.ts";
import { run } from "#platform/process/run.ts";
import { chartNamespace, renderChart, requiredValues, type ChartObject } from "#platform/scan/render-chart.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";

jest.setTimeout(300_000);

type Keys = { readonly "private.pem": string; readonly "public.pem": string };
type Workload = ChartObject & {
  spec: { template: { spec: { volumes: Array<{ name: string; secret?: { secretName: string; items?: object[] } }> } } };
};

const decode = (data: Keys): Keys => ({
  "private.pem": Buffer.from(data["private.pem"], "base64").toString(),
  "public.pem": Buffer.from(data["public.pem"], "base64").toString(),
});
const idsOf = (keys: Keys): string[] => parsePublicKeys(keys["public.pem"]).map(({ keyId }) => keyId);
const idOf = (keys: Keys): string => createSigner(keys["private.pem"]).keyId;

/** Which component has which items of the archive's key. */
const holders = (objects: readonly ChartObject[]) =>
  objects.flatMap((object) => {
    const volumes = (object as Partial<Workload>).spec?.template?.spec?.volumes ?? [];
    return volumes
      .filter(({ name }) => name === "archive-key")
      .map(({ secret }) => [object.metadata.name, secret?.secretName, secret?.items] as const);
  });

const onlyPublic = [{ key: "public.pem", path: "public.pem" }];

describe("the archive's key", () => {
  it("is made with its public key, which alone the auditor has, and the private one the siphon", async () => {
    const objects = await renderChart();
    const secret = objects.find(({ metadata }) => metadata.name === "enchanted-archive-key");
    const keys = decode((secret as ChartObject & { data: Keys }).data);
    expect(idsOf(keys)).toEqual([idOf(keys)]);
    expect(holders(objects)).toEqual([
      ["enchanted-auditor", "enchanted-archive-key", onlyPublic],
      ["enchanted-siphon", "enchanted-archive-key", undefined],
    ]);
  });

  it("is your own where you name it", async () => {
    const objects = await renderChart(`archive.signingKey.existingSecret="mine"`);
    expect(objects.map(({ metadata }) => metadata.name)).not.toContain("enchanted-archive-key");
    expect(holders(objects)).toEqual([
      ["enchanted-auditor", "mine", onlyPublic],
      ["enchanted-siphon", "mine", undefined],
    ]);
  });
});

describe("the archive's lock", () => {
  const lockedBy = async (...values: string[]): Promise<string[]> => {
    const objects = await renderChart(...values);
    return objects
      .filter((object) =>
        JSON.stringify(object).includes(
          '"name":"ARCHIVE_LOCK_MODE","value":"COMPLIANCE"},{"name":"ARCHIVE_LOCK_DAYS","value":"30"}',
        ),
      )
      .map(({ metadata }) => metadata.name);
  };

  it("is told to whoever creates the bucket, writes to it, or takes orders to erase", async () => {
    expect(await lockedBy()).toEqual([]);
    expect(await lockedBy(`archive.objectLock={"mode":"COMPLIANCE","days":30}`)).toEqual(
      expect.arrayContaining(["enchanted-collector", "enchanted-siphon"]),
    );
    await expect(lockedBy(`archive.objectLock.mode="COMPLIANCE"`)).rejects.toThrow(
      "archive.objectLock.days is required",
    );
  });
});

describe("the archive's key in a cluster", () => {
  let dir = "";
  let cluster: ControlPlane;

  const helm = async (...args: string[]): Promise<string> =>
    run([await ensureTool("helm"), ...args, `--namespace=${chartNamespace}`, `--kubeconfig=${cluster.kubeconfigPath}`]);
  const upgrade = (): Promise<string> =>
    helm(
      "upgrade",
      "--install",
      "enchanted-swarm",
      "charts/enchanted-swarm",
      "--create-namespace",
      ...requiredValues.flatMap((value) => ["--set-json", value]),
    );
  const kubectl = (...args: string[]): Promise<string> =>
    run([cluster.kubectl, "--kubeconfig", cluster.kubeconfigPath, "--namespace", chartNamespace, ...args]);
  const keysNow = async (): Promise<Keys> => {
    const text = await kubectl("get", "secret", "enchanted-archive-key", "--output=json");
    return decode((JSON.parse(text) as { data: Keys }).data);
  };
  const restarts = async (): Promise<string> => {
    const path = "{.items[*].spec.template.metadata.annotations.checksum/archive-key}";
    return kubectl("get", "deployments", `--output=jsonpath=${path.replace("checksum/", String.raw`checksum\/`)}`);
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "chart-archive-"));
    cluster = await startControlPlane({ dir });
    await upgrade();
  });
  afterAll(async () => {
    await cluster?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it("stays over an upgrade, and is followed by another where it is taken out", async () => {
    const [first, started] = [await keysNow(), await restarts()];
    await upgrade();
    expect([await keysNow(), await restarts()]).toEqual([first, started]);
    await kubectl(
      "patch",
      "secret",
      "enchanted-archive-key",
      "--type=json",
      `--patch=[{"op":"remove","path":"/data/private.pem"}]`,
    );
    await upgrade();
    const second = await keysNow();
    expect(idsOf(second)).toEqual([idOf(first), idOf(second)]);
    expect(idOf(second)).not.toBe(idOf(first));
    expect(await restarts()).not.toBe(started);
  });

  it("stays when the release goes, for the archive does", async () => {
    const before = await keysNow();
    await helm("uninstall", "enchanted-swarm", "--no-hooks");
    expect(await keysNow()).toEqual(before);
    await upgrade();
    expect(await keysNow()).toEqual(before);
  });
});
