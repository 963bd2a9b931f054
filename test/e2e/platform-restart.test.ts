import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { podProcesses } from "#platform/cluster/cgroups.ts";
import { mountsBelow } from "#platform/cluster/cleanup.ts";
import { layoutOf, node } from "#platform/cluster/layout.ts";
import { repositoryRoot, stateDirectory } from "#platform/environment.ts";
import { isRunning } from "#platform/process/record.ts";
import { run, tryRun } from "#platform/process/run.ts";
import { waitFor } from "#platform/process/wait.ts";
import { findSupervisor, readStatus } from "#platform/supervise/control.ts";
import { openCluster, type Kube } from "#test/e2e/kube.ts";

const layout = layoutOf(stateDirectory());
const platform = (step: string) => run([process.execPath, `${repositoryRoot}/platform/main.ts`, step]);

let kube: Kube;
beforeAll(async () => {
  kube = await openCluster();
});

/** Everything that was ready before is ready again: other suites share this cluster. */
const awaitWorkloads = async (): Promise<void> => {
  const workloads = await kube.ok([
    "get",
    "deployments,statefulsets",
    "-A",
    "--no-headers",
    "-o",
    "custom-columns=K:kind,NS:metadata.namespace,N:metadata.name",
  ]);
  for (const line of workloads.split("\n").filter(Boolean)) {
    const [kind = "", namespace = "", name = ""] = line.trim().split(/\s+/);
    await kube.ok(["rollout", "status", `${kind}/${name}`, "-n", namespace, "--timeout=180s"]);
  }
};

/** What the machine's kernel still holds of ours. */
const leftovers = async () => ({
  mounts: mountsBelow(await readFile("/proc/self/mountinfo", "utf8"), layout.state),
  links: (await run(["ip", "-brief", "link"]))
    .split("\n")
    .filter((line) => line.startsWith(node.link) || line.startsWith("veth")),
  rules: (await run(["iptables-save"])).split("\n").filter((line) => /ENCHANTED-|KUBE-/.test(line)),
  pods: await podProcesses(),
  shims: (await tryRun(["pgrep", "--full", `containerd-shim-runc-v2.*${layout.containerdSocket}`])).stdout,
});

const nothing = { mounts: [], links: [], rules: [], pods: [], shims: "" };

const expectRestarted = async (name: string, oldPid: number | undefined): Promise<void> => {
  const status = await waitFor(
    `the return of ${name}`,
    async () => {
      const now = (await readStatus(layout)).find((one) => one.name === name);
      return now?.state === "ready" && now.process?.pid !== oldPid && now;
    },
    { timeoutMs: 30_000 },
  );
  expect(status.restarts).toBeGreaterThan(0);
};

describe("the embedded platform", () => {
  afterAll(awaitWorkloads, 600_000);

  it("restarts a process that is killed", async () => {
    const before = (await readStatus(layout)).find(({ name }) => name === "coredns");
    process.kill(before?.process?.pid ?? 0, "SIGKILL");
    await expectRestarted("coredns", before?.process?.pid);
  }, 60_000);

  it("leaves no process, mount, link or packet rule behind when it goes down", async () => {
    await kube.run(["create", "configmap", "kept-over-restart", "--from-literal=is=kept"]);
    const processes = (await readStatus(layout)).flatMap(({ process: record }) => record ?? []);
    expect(processes.length).toBeGreaterThan(8);
    await platform("down");
    expect(await Promise.all(processes.map(isRunning))).toEqual(processes.map(() => false));
    expect(await findSupervisor(layout)).toBeUndefined();
    expect(await leftovers()).toEqual(nothing);
  }, 180_000);

  it("comes up again with what it held", async () => {
    await platform("cluster");
    expect(await kube.ok(["get", "configmap", "kept-over-restart", "-o", "jsonpath={.data.is}"])).toBe("kept");
    await kube.ok(["delete", "configmap", "kept-over-restart"]);
  }, 180_000);

  it("comes up over what a kill -9 of everything left", async () => {
    await awaitWorkloads();
    const supervisor = await findSupervisor(layout);
    process.kill(supervisor?.pid ?? 0, "SIGKILL");
    for (const pid of await podProcesses()) await tryRun(["kill", "-9", String(pid)]);
    await platform("cluster");
    await awaitWorkloads();
    await kube.ok(["wait", "--for=condition=Ready", "node", node.name, "--timeout=60s"]);
  }, 400_000);
});
