import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { Draft, ObjectMeta, OwnerReference } from "#nervous-system/kubernetes/resource-kind.ts";
import { operatorTenantAccess } from "#operator/access.ts";
import { run } from "#platform/process/run.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";
import { clientWithAccess } from "#test/integration/gateway/swarm-plane.ts";
import {
  eventually,
  freshNamespace,
  startTestPlane,
  type TestPlane,
} from "#test/integration/kubernetes/control-plane.ts";

const digest = `@sha256:${"0".repeat(64)}`;
const images = ["operator", "pipeline", "scribe", "supervisor"].map((name) => `images.${name}=r/${name}${digest}`);
const values = [...images, `defaults.agentImage=r/agent${digest}`].join(",");

let test: TestPlane;
let operator: KubeClient;
let close: () => void;
let namespace = "";

const owner = (apiVersion: string, kind: string, controller = true): OwnerReference => ({
  apiVersion,
  kind,
  name: "fix-bug-coder",
  uid: "2b6f0000-0000-4000-8000-000000000001",
  controller,
});
const agent = owner("swarm.enchanted.dev/v1alpha1", "Agent");

const draft = (name: string, metadata: Partial<ObjectMeta> = {}): Draft<Pod> => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace, name, ...metadata },
  spec: { containers: [{ name: "c", image: "none" }] },
});

const isRefused = (write: Promise<unknown>): Promise<boolean> =>
  write.then(
    () => false,
    (error: Error) => error.message.includes("enchanted-pods"),
  );

beforeAll(async () => {
  test = await startTestPlane();
  namespace = await freshNamespace(test.admin);
  const user = "system:serviceaccount:enchanted-system:enchanted-operator";
  ({ client: operator, close } = await clientWithAccess(test, user, {
    cluster: [],
    tenant: operatorTenantAccess,
    namespace,
  }));
  const helm = [await ensureTool("helm"), "template", "enchanted-swarm", "charts/enchanted-swarm"];
  const of = ["--namespace=enchanted-system", "--kube-version=1.36.3", "--show-only=templates/admission.yaml"];
  const file = join(test.dir, "admission.yaml");
  await writeFile(file, await run([...helm, ...of, "--set", values]));
  expect(await readFile(file, "utf8")).toContain("kind: ValidatingAdmissionPolicyBinding");
  await run([test.plane.kubectl, `--kubeconfig=${test.plane.kubeconfigPath}`, "apply", "-f", file]);
  const probe = draft("probe", { ownerReferences: [agent] });
  await eventually("the policy is in force", () => isRefused(test.admin.create(pods, probe, { dryRun: true })));
}, 120_000);

afterAll(async () => {
  close?.();
  await test?.stop();
});

describe("a pod that an Agent or a Mission owns", () => {
  it.each([
    ["an Agent as its controller", agent],
    ["a Mission", owner("swarm.enchanted.dev/v1alpha1", "Mission")],
    ["an Agent of a version to come", owner("swarm.enchanted.dev/v2", "Agent")],
    ["an Agent by its group alone", owner("swarm.enchanted.dev", "Agent")],
    ["an Agent as an owner among others", owner("swarm.enchanted.dev/v1alpha1", "Agent", false)],
  ])("is made by nobody but the operator: with %s", async (_, reference) => {
    const forged = draft("fix-bug-coder-1", { ownerReferences: [reference] });
    expect(await isRefused(test.admin.create(pods, forged))).toBe(true);
    await expect(operator.create(pods, forged, { dryRun: true })).resolves.toMatchObject({ kind: "Pod" });
  });

  it("does not come about by a change of another", async () => {
    const { metadata } = await test.admin.create(pods, draft("fix-bug-coder-2"));
    expect(await isRefused(test.admin.patch(pods, metadata, { metadata: { ownerReferences: [agent] } }))).toBe(true);
    const other = { ...owner("v1", "ConfigMap"), name: "any" };
    const changed = (
      await test.admin.patch(pods, metadata, { metadata: { ownerReferences: [other], labels: { a: "b" } } })
    ).metadata;
    expect(changed.labels).toEqual({ a: "b" });
    // By the Agent's UID under another kind, and then its own.
    const masked = { ...agent, apiVersion: "x.example/v1", kind: "X" };
    const { metadata: after } = await test.admin.patch(pods, changed, { metadata: { ownerReferences: [masked] } });
    expect(await isRefused(test.admin.patch(pods, after, { metadata: { ownerReferences: [agent] } }))).toBe(true);
  });

  it("is let go of once it has ended, as the garbage collector does for who deletes its owner alone", async () => {
    const { metadata } = await operator.create(pods, draft("fix-bug-coder-4", { ownerReferences: [agent] }));
    const orphan = { metadata: { ownerReferences: null } };
    expect(await isRefused(test.admin.patch(pods, metadata, orphan))).toBe(true);
    const ended = await test.admin.patchStatus(pods, metadata, { phase: "Succeeded" });
    expect((await test.admin.patch(pods, ended.metadata, orphan)).metadata.ownerReferences).toBeUndefined();
  });

  it("keeps the labels by which it is confined, whoever else may change it otherwise", async () => {
    const confined = "swarm.enchanted.dev/confined";
    const made = draft("fix-bug-coder-3", {
      ownerReferences: [agent],
      labels: { [confined]: "true" },
      finalizers: ["swarm.enchanted.dev/observe"],
    });
    const { metadata } = await operator.create(pods, made);
    for (const labels of [{ [confined]: null }, { [confined]: "false" }, { "swarm.enchanted.dev/agent": "other" }])
      expect(await isRefused(test.admin.patch(pods, metadata, { metadata: { labels } }))).toBe(true);
    const letGo = { ownerReferences: null, labels: { [confined]: null } };
    expect(await isRefused(test.admin.patch(pods, metadata, { metadata: letGo }))).toBe(true);
    const evil = { spec: { containers: [{ name: "c", image: "evil" }] } };
    expect(await isRefused(test.admin.patch(pods, metadata, evil))).toBe(true);
    // As a mesh and the uninstall hook do.
    const changed = { labels: { mesh: "yes" }, finalizers: null };
    const after = await test.admin.patch(pods, metadata, { metadata: changed });
    expect(after.metadata.labels).toEqual({ [confined]: "true", mesh: "yes" });
    await test.admin.delete(pods, after.metadata, { gracePeriodSeconds: 0 });
  });
});
