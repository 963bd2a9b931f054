import { describe, expect, it } from "@jest/globals";
import { createTurnstile } from "./semaphore.ts";

describe("a turnstile", () => {
  it("lets in what is within its bound, in order, and the too heavy alone", async () => {
    const turn = createTurnstile(10);
    const story: string[] = [];
    const ends = new Map<string, () => void>();
    const visit = (name: string, weight: number): Promise<void> =>
      turn(weight, async () => {
        story.push(name);
        await new Promise<void>((end) => ends.set(name, end));
      });
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const all = [visit("a", 6), visit("b", 4), visit("heavy", 99), visit("c", 1), visit("d", 1)];
    await settle();
    expect(story).toEqual(["a", "b"]);
    ends.get("a")?.();
    await settle();
    expect(story).toEqual(["a", "b"]); // nobody overtakes the heavy one
    ends.get("b")?.();
    await settle();
    expect(story).toEqual(["a", "b", "heavy"]);
    ends.get("heavy")?.();
    await settle();
    expect(story).toEqual(["a", "b", "heavy", "c", "d"]);
    for (const end of ends.values()) end();
    await Promise.all(all);
  });

  it("is left by work that fails", async () => {
    const turn = createTurnstile(1);
    await expect(turn(1, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(turn(1, () => Promise.resolve("yes"))).resolves.toBe("yes");
  });
});
