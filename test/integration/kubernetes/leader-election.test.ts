import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createInformer } from "#nervous-system/kubernetes/informer.ts";
import { configMaps, leases } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { createLeaderElector, type LeaderElector } from "#nervous-system/kubernetes/lease.ts";
import {
  configMapDraft,
  eventually,
  freshNamespace,
  startTestPlane,
  type TestPlane,
} from "#test/integration/kubernetes/control-plane.ts";

type Candidate = { process: ChildProcess; lines: string[]; end(): Promise<void> };

const clock = systemClock();
let test: TestPlane;
beforeAll(async () => {
  test = await startTestPlane();
}, 600_000);
afterAll(() => test?.stop(), 60_000);

const startCandidate = (namespace: string, identity: string, mode: "fenced" | "unfenced"): Candidate => {
  const script = join(import.meta.dirname, "leader-process.ts");
  const args = ["--disable-warning=ExperimentalWarning", script, test.plane.kubeconfigPath, namespace, identity, mode];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  return { process: child, lines, end };
};

/** Every version of the ConfigMap that the server ever accepted, by its writer. */
const followWriters = async (namespace: string): Promise<{ writers: string[]; stop: () => Promise<void> }> => {
  const writers: string[] = [];
  const options = {
    client: test.admin,
    kind: configMaps,
    selection: { namespace },
    clock,
    random: () => 0,
    log: silentLog,
  };
  const informer = createInformer(options);
  informer.addHandler(({ object }) => void (object.data?.["writer"] && writers.push(object.data["writer"])));
  const running = new AbortController();
  const run = informer.run(running.signal);
  await informer.synced();
  const stop = (): Promise<void> => {
    running.abort();
    return run;
  };
  return { writers, stop };
};

describe("two processes and one lease", () => {
  it.each([
    ["fenced", /^refused here: LeaseLostError/],
    ["unfenced", /^refused by the server$/],
  ] as const)(
    "accepts no write of a leader that was stopped past its lease (%s)",
    async (mode, refusal) => {
      const namespace = await freshNamespace(test.admin);
      await test.admin.create(configMaps, configMapDraft(namespace, "target"));
      const { writers, stop } = await followWriters(namespace);
      const first = startCandidate(namespace, "first", mode);
      await eventually("the first leads and writes", () => first.lines.filter((l) => l === "written").length > 5);
      const second = startCandidate(namespace, "second", mode);
      try {
        first.process.kill("SIGSTOP");
        await eventually("the second leads and writes", () => second.lines.filter((l) => l === "written").length > 5);
        const told = first.lines.length;
        first.process.kill("SIGCONT");
        await eventually("the first tried 20 more writes", () => first.lines.length >= told + 20);
        await eventually("the first knows that it lost", () => first.lines.includes("lost"));
        const after = first.lines.slice(told).filter((line) => line !== "lost");
        // The answer to a write that was under way when the process stopped may still be read.
        const late = after.filter((line, i) => !(i === 0 && line === "written"));
        for (const line of late) expect(line).toMatch(refusal);
        const takeover = writers.indexOf("second");
        expect(takeover).toBeGreaterThan(0);
        expect(writers.slice(takeover)).not.toContain("first");
      } finally {
        await Promise.all([first.end(), second.end()]);
        await stop();
      }
    },
    60_000,
  );
});

describe("elector", () => {
  const elect = (namespace: string, identity: string, client = test.admin): LeaderElector =>
    createLeaderElector({
      client,
      namespace,
      name: "election",
      identity,
      times: { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 100 },
      clock,
      random: () => 0.5,
      log: silentLog,
    });

  it("hands over at once when the leader gives the lease up", async () => {
    const namespace = await freshNamespace(test.admin);
    const [first, second] = [elect(namespace, "first"), elect(namespace, "second")];
    const never = new AbortController();
    await first.acquire(never.signal);
    const waiting = second.acquire(never.signal);
    expect([first.isLeader(), second.isLeader()]).toEqual([true, false]);
    expect(() => second.fence()).toThrow("election");
    const startedMs = clock.monotonicMs();
    await first.release();
    await waiting;
    expect(clock.monotonicMs() - startedMs).toBeLessThan(2000);
    expect([first.isLeader(), second.isLeader()]).toEqual([false, true]);
    const lease = await test.admin.get(leases, { namespace, name: "election" });
    expect(lease.spec).toMatchObject({ holderIdentity: "second", leaseTransitions: 1 });
  });

  it("notices within one renewal that its lease was taken away", async () => {
    const namespace = await freshNamespace(test.admin);
    const elector = elect(namespace, "first");
    await elector.acquire(new AbortController().signal);
    const held = elector.hold(new AbortController().signal);
    const steal = async (): Promise<boolean> => {
      const lease = await test.admin.get(leases, { namespace, name: "election" });
      const spec = { holderIdentity: "thief", leaseDurationSeconds: 60 };
      return test.admin.patch(leases, lease.metadata, { spec }).then(
        () => true,
        () => false,
      );
    };
    await eventually("the lease is stolen between two renewals", steal);
    expect(await held).toBe("lost");
    expect(elector.isLeader()).toBe(false);
  });

  it("counts from when a renewal began, not from when its answer came", async () => {
    const namespace = await freshNamespace(test.admin);
    const slow: KubeClient = {
      ...test.admin,
      with: () => slow,
      create: async (kind, draft) => {
        const created = await test.admin.create(kind, draft);
        await clock.sleep(1500);
        return created;
      },
    };
    const elector = elect(namespace, "first", slow);
    await elector.acquire(new AbortController().signal);
    const answeredMs = clock.monotonicMs();
    expect(elector.isLeader()).toBe(true);
    await eventually("the fence closes", () => !elector.isLeader());
    expect(clock.monotonicMs() - answeredMs).toBeLessThan(1000);
  });

  it("renews for as long as it is asked to", async () => {
    const namespace = await freshNamespace(test.admin);
    const elector = elect(namespace, "first");
    await elector.acquire(new AbortController().signal);
    const stop = new AbortController();
    const held = elector.hold(stop.signal);
    const before = await test.admin.get(leases, { namespace, name: "election" });
    await eventually("it renewed ten times past its duration", async () => {
      const lease = await test.admin.get(leases, { namespace, name: "election" });
      return Date.parse(lease.spec?.renewTime ?? "") - Date.parse(before.spec?.renewTime ?? "") > 3500;
    });
    expect(elector.isLeader()).toBe(true);
    stop.abort();
    expect(await held).toBe("stopped");
  });
});
