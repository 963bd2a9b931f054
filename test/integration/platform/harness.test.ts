import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { connect } from "nats";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { startControlPlane, type ControlPlane } from "#platform/cluster/control-plane.ts";
import { run, tryRun } from "#platform/process/run.ts";
import { waitFor } from "#platform/process/wait.ts";
import { startNats } from "#platform/stores/nats.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "enchanted-harness-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("a control plane for tests", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ dir: join(dir, "plane") });
  }, 600_000);
  afterAll(() => plane?.stop(), 60_000);

  const kubectl = (kubeconfig: string, ...args: string[]) =>
    tryRun([plane.kubectl, `--kubeconfig=${kubeconfig}`, ...args]);

  it("serves the administrator", async () => {
    const answer = await kubectl(plane.kubeconfigPath, "get", "namespaces", "-o", "name");
    expect(answer.stdout).toContain("namespace/kube-system");
  });

  it("lets RBAC see a user as who it is", async () => {
    const kubeconfig = await plane.kubeconfigFor({ user: "reader", groups: ["readers"] });
    const before = await kubectl(kubeconfig, "get", "configmaps");
    expect(before.stderr).toContain('User "reader" cannot list resource "configmaps"');
    await kubectl(plane.kubeconfigPath, "create", "role", "read", "--verb=list", "--resource=configmaps");
    await kubectl(plane.kubeconfigPath, "create", "rolebinding", "read", "--role=read", "--group=readers");
    expect((await kubectl(kubeconfig, "get", "configmaps")).code).toBe(0);
  });

  it("keeps its objects over a kill of both servers", async () => {
    await kubectl(plane.kubeconfigPath, "create", "configmap", "kept");
    plane.apiServer.kill("SIGKILL");
    plane.etcd.kill("SIGKILL");
    await plane.etcd.restart();
    await plane.apiServer.restart();
    expect((await kubectl(plane.kubeconfigPath, "get", "configmap", "kept")).code).toBe(0);
  }, 120_000);

  it("lets nobody in without a certificate", async () => {
    const { stdout } = await tryRun(["curl", "-sk", `${plane.url}/api`]);
    expect(JSON.parse(stdout)).toMatchObject({ code: 401 });
  });
});

describe("NATS for tests", () => {
  it("keeps what it acknowledged over kill -9 and restart at the same address", async () => {
    await using nats = await startNats({ dir: join(dir, "nats") });
    const first = await connect({ servers: nats.url });
    await (await jetstreamManager(first)).streams.add({ name: "kept", subjects: ["kept.>"] });
    expect((await jetstream(first).publish("kept.a", "hello")).seq).toBe(1);
    await first.close();
    nats.kill("SIGKILL");
    await nats.restart();
    const second = await connect({ servers: nats.url });
    const message = await (await jetstreamManager(second)).streams.getMessage("kept", { seq: 1 });
    expect(message?.string()).toBe("hello");
    await second.close();
  }, 120_000);

  it("ends when the process that started it is killed", async () => {
    const script = `
      import { startNats } from "#platform/stores/nats.ts";
      const nats = await startNats({ dir: ${JSON.stringify(join(dir, "orphan"))} });
      console.log(nats.pid);
      process.kill(process.pid, "SIGKILL");`;
    const { stdout } = await tryRun([process.execPath, "--input-type=module-typescript", "-e", script]);
    expect(Number(stdout)).toBeGreaterThan(1);
    // The kernel signals a child when its parent dies; all of its threads end a little later.
    const ended = async (): Promise<boolean> => {
      const state = await readFile(`/proc/${Number(stdout)}/stat`, "utf8").catch(() => "gone");
      return state === "gone" || /\) [ZX] /.test(state);
    };
    await waitFor("the end of the server", ended, { timeoutMs: 20_000 });
    expect(await run(["pgrep", "-c", "-f", join(dir, "orphan")]).catch(() => "0")).toBe("0");
  }, 60_000);
});
