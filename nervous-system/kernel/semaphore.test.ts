import { describe, expect, it } from "@jest/globals";
import { createKeyedSemaphore, createSemaphore } from "./semaphore.ts";

describe("a semaphore", () => {
  it("lets in what is within its bound, in order, and the too heavy alone", async () => {
    const semaphore = createSemaphore(10);
    const events: string[] = [];
    const ends = new Map<string, () => void>();
    const visit = (name: string, weight: number): Promise<void> =>
      semaphore.run(weight, async () => {
        events.push(name);
        await new Promise<void>((end) => ends.set(name, end));
      });
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const all = [visit("a", 6), visit("b", 4), visit("heavy", 99), visit("c", 1), visit("d", 1)];
    await settle();
    expect(events).toEqual(["a", "b"]);
    ends.get("a")?.();
    await settle();
    expect(events).toEqual(["a", "b"]); // nobody overtakes the heavy one
    ends.get("b")?.();
    await settle();
    expect(events).toEqual(["a", "b", "heavy"]);
    ends.get("heavy")?.();
    await settle();
    expect(events).toEqual(["a", "b", "heavy", "c", "d"]);
    for (const end of ends.values()) end();
    await Promise.all(all);
  });

  it("is left by work that fails", async () => {
    const semaphore = createSemaphore(1);
    await expect(semaphore.run(1, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(semaphore.run(1, () => Promise.resolve("yes"))).resolves.toBe("yes");
  });

  it("says no where there is no room, but for what is too heavy and alone", () => {
    const semaphore = createSemaphore(10);
    expect([semaphore.tryAcquire(6), semaphore.tryAcquire(5), semaphore.tryAcquire(4)]).toEqual([true, false, true]);
    semaphore.release(10);
    expect([semaphore.tryAcquire(99), semaphore.tryAcquire(1)]).toEqual([true, false]);
  });

  it("counts what is in memory already, and tells when it is within its bound again", async () => {
    const semaphore = createSemaphore(10);
    semaphore.force(10);
    expect(semaphore.isOverdrawn()).toBe(false);
    semaphore.force(5);
    expect(semaphore.isOverdrawn()).toBe(true);
    const within = semaphore.acquire(0).then(() => semaphore.isOverdrawn());
    semaphore.release(4);
    expect(semaphore.isOverdrawn()).toBe(true);
    semaphore.release(1);
    expect(await within).toBe(false);
  });
});

describe("a semaphore by key", () => {
  it("bounds each by itself", () => {
    const calls = createKeyedSemaphore(2);
    expect(["a", "a", "a", "b"].map((key) => calls.tryAcquire(key, 1))).toEqual([true, true, false, true]);
    calls.release("a", 1);
    expect([calls.tryAcquire("a", 1), calls.tryAcquire("a", 1)]).toEqual([true, false]);
  });
});
