import { describe, expect, it } from "@jest/globals";
import { createKeyedBackoff } from "#nervous-system/kernel/backoff.ts";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { createWorkQueue, type WorkQueue, type WorkQueueHooks } from "#nervous-system/kernel/work-queue.ts";

const start = (hooks?: WorkQueueHooks): { clock: ManualClock; queue: WorkQueue<string> } => {
  const clock = manualClock();
  const backoff = createKeyedBackoff<string>({ baseMs: 100, capMs: 10_000, random: () => 0.5 });
  return { clock, queue: createWorkQueue({ clock, backoff, ...(hooks && { hooks }) }) };
};

describe("work queue", () => {
  it("hands out keys in the order in which they came, each once", async () => {
    const { queue } = start();
    for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
    expect(queue.depth()).toBe(3);
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(["a", "b", "c"]);
  });

  it("does not give a key to a second worker, but works on it again when it changed meanwhile", async () => {
    const { queue } = start();
    queue.add("a");
    await queue.get();
    queue.add("a");
    queue.add("a");
    expect(queue.depth()).toBe(0);
    queue.done("a");
    expect(queue.depth()).toBe(1);
    expect(await queue.get()).toBe("a");
  });

  it("puts a key that is always dirty behind the others", async () => {
    const { queue } = start();
    queue.add("busy");
    queue.add("quiet");
    await queue.get();
    queue.add("busy");
    queue.done("busy");
    expect(await queue.get()).toBe("quiet");
  });

  it("wakes an idle worker when a key arrives", async () => {
    const { queue } = start();
    const got = queue.get();
    queue.add("a");
    expect(await got).toBe("a");
  });

  it("keeps the earlier of two waits for one key", async () => {
    const { clock, queue } = start();
    queue.addAfter("a", 1000);
    queue.addAfter("a", 200);
    queue.addAfter("a", 5000);
    await clock.advance(199);
    expect(queue.depth()).toBe(0);
    await clock.advance(1);
    expect(queue.depth()).toBe(1);
    expect(clock.pending()).toBe(0);
  });

  it("backs a failing key off further each time until it is forgotten", async () => {
    const { clock, queue } = start();
    const waitedMs = async (): Promise<number> => {
      const before = clock.monotonicMs();
      queue.addRateLimited("a");
      while (queue.depth() === 0) await clock.advance(1);
      queue.done((await queue.get()) ?? "");
      return clock.monotonicMs() - before;
    };
    expect([await waitedMs(), await waitedMs(), await waitedMs()]).toEqual([50, 100, 200]);
    queue.forget("a");
    expect(await waitedMs()).toBe(50);
  });

  it("drains: hands out what is queued, refuses what is new, resolves when the last key is done", async () => {
    const { clock, queue } = start();
    queue.add("a");
    queue.add("b");
    queue.addAfter("later", 10);
    await queue.get();
    let ended = false;
    const drained = queue.shutDown("drain").then(() => (ended = true));
    queue.add("c");
    await clock.advance(100);
    expect(await queue.get()).toBe("b");
    queue.done("a");
    await clock.advance(0);
    expect(ended).toBe(false);
    queue.done("b");
    await drained;
    expect(await queue.get()).toBeUndefined();
  });

  it("drops: forgets what is queued, still waits for what is worked on", async () => {
    const { clock, queue } = start();
    queue.add("a");
    queue.add("b");
    await queue.get();
    queue.add("a");
    const idle = queue.get();
    queue.done("a");
    expect(await idle).toBe("b");
    let ended = false;
    const dropped = queue.shutDown("drop").then(() => (ended = true));
    expect(await queue.get()).toBeUndefined();
    await clock.advance(0);
    expect(ended).toBe(false);
    queue.done("b");
    await dropped;
  });

  it("tells idle workers to end when it shuts down", async () => {
    const { queue } = start();
    const idle = [queue.get(), queue.get()];
    await queue.shutDown("drain");
    expect(await Promise.all(idle)).toEqual([undefined, undefined]);
  });

  it("tells its hooks how long keys waited and were worked on", async () => {
    const seen: string[] = [];
    const { clock, queue } = start({
      added: () => seen.push("added"),
      taken: (ms) => seen.push(`taken after ${ms}`),
      finished: (ms) => seen.push(`finished after ${ms}`),
      retried: () => seen.push("retried"),
    });
    queue.add("a");
    await clock.advance(30);
    await queue.get();
    await clock.advance(12);
    expect(queue.runningMs()).toEqual([12]);
    queue.done("a");
    queue.addRateLimited("a");
    expect(seen).toEqual(["added", "taken after 30", "finished after 12", "retried"]);
    expect(queue.runningMs()).toEqual([]);
  });
});
