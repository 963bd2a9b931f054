import { describe, expect, it } from "@jest/globals";
import { trace } from "@opentelemetry/api";
import { manualClock, type ManualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createControllerMetrics, metricsOf } from "#operator/runtime/controller-metrics.ts";
import { type Controller, createController } from "#operator/runtime/controller.ts";

type Bench = { clock: ManualClock; controller: Controller; calls: string[]; metrics: () => Promise<string> };

const bench = (reconcile: (key: string, call: number) => Promise<Outcome>, workers = 1): Bench => {
  const clock = manualClock();
  const registry = createRegistry();
  const calls: string[] = [];
  const controller = createController({
    name: "test",
    workers,
    reconcile: (key) => reconcile(key, calls.push(key)),
    clock,
    random: () => 0.5,
    metrics: metricsOf(createControllerMetrics(registry), "test", workers),
    tracer: trace.getTracer("test"),
    log: silentLog,
  });
  controller.start();
  return { clock, controller, calls, metrics: () => registry.metrics() };
};

/** Lets workers run: they leave the microtask queue after each key. */
const turn = async (clock: ManualClock, ms = 0): Promise<void> => {
  await clock.advance(ms);
  await systemClock().sleep(0);
  await clock.advance(0);
};
const settledAt = async ({ clock, calls }: Bench, count: number): Promise<void> => {
  for (let i = 0; calls.length < count && i < 1000; i += 1) await turn(clock);
  expect(calls).toHaveLength(count);
  await turn(clock);
};

describe("the kind of outcome decides the retry", () => {
  it.each<[string, Outcome, number | undefined, string]>([
    ["done is not tried again", { kind: "done" }, undefined, "success"],
    ["done with a recheck is looked at then", { kind: "done", recheckMs: 5000 }, 5000, "requeue_after"],
    [
      "waiting is looked at after its recheck",
      { kind: "waiting", reason: "R", message: "m", recheckMs: 700 },
      700,
      "requeue_after",
    ],
    ["stalled waits for the user", { kind: "stalled", reason: "R", message: "m" }, undefined, "stalled"],
    ["failed is tried again with backoff", { kind: "failed", reason: "R", error: new Error("x") }, 50, "error"],
  ])("%s", async (_, outcome, againAfterMs, result) => {
    const b = bench(() => Promise.resolve(outcome));
    b.controller.enqueue("n/a");
    await settledAt(b, 1);
    expect(await b.metrics()).toContain(`controller_runtime_reconcile_total{controller="test",result="${result}"} 1`);
    expect(b.clock.pending()).toBe(againAfterMs === undefined ? 0 : 1);
    if (againAfterMs !== undefined) {
      await turn(b.clock, againAfterMs - 1);
      expect(b.calls).toHaveLength(1);
      await turn(b.clock, 1);
      await settledAt(b, 2);
    }
    await b.controller.stop();
    expect(b.clock.pending()).toBe(0);
  });

  it("takes a throw for a failure, and backs off less and less often until it succeeds", async () => {
    const b = bench((_, call) => (call < 4 ? Promise.reject(new Error("boom")) : Promise.resolve({ kind: "done" })));
    b.controller.enqueue("n/a");
    await settledAt(b, 1);
    for (const [i, waitMs] of [50, 100, 200].entries()) {
      await turn(b.clock, waitMs - 1);
      expect(b.calls).toHaveLength(i + 1);
      await turn(b.clock, 1);
      await settledAt(b, i + 2);
    }
    expect(b.clock.pending()).toBe(0);
    expect(await b.metrics()).toContain('controller_runtime_reconcile_errors_total{controller="test"} 3');
    expect(await b.metrics()).toContain('workqueue_retries_total{name="test"} 3');
    await b.controller.stop();
  });
});

describe("workers", () => {
  it("reconcile different keys side by side and one key never twice at a time", async () => {
    const gates = new Map<string, () => void>();
    const b = bench((key) => new Promise((resolve) => gates.set(key, () => resolve({ kind: "done" }))), 2);
    for (const key of ["a", "b", "a", "c"]) b.controller.enqueue(key);
    await settledAt(b, 2);
    b.controller.enqueue("a");
    await turn(b.clock);
    expect(b.calls).toEqual(["a", "b"]);
    b.controller.refreshMetrics();
    expect(await b.metrics()).toContain('controller_runtime_active_workers{controller="test"} 2');
    expect(await b.metrics()).toContain('workqueue_depth{name="test"} 1');
    gates.get("a")?.();
    await settledAt(b, 3);
    expect(b.calls[2]).toBe("c");
    gates.get("b")?.();
    await settledAt(b, 4);
    expect(b.calls[3]).toBe("a");
    for (const open of gates.values()) open();
    await b.controller.stop();
  });

  it("leave the event loop a turn between keys that need no I/O", async () => {
    const b = bench(() => Promise.resolve({ kind: "done" }));
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    for (let i = 0; i < 5000; i += 1) b.controller.enqueue(`n/${i}`);
    for (let i = 0; b.calls.length < 5000 && i < 10_000; i += 1) await systemClock().sleep(1);
    clearInterval(timer);
    expect(b.calls).toHaveLength(5000);
    expect(turns).toBeGreaterThan(3);
    await b.controller.stop();
  });
});
