import { describe, expect, it } from "@jest/globals";
import { createFairSlots, type Turn } from "./fair-slots.ts";

type Asked = { readonly name: string } & Partial<Turn>;

/** Asks for turns at once, then lets one piece of work end after the other; answers in which order they began. */
const orderOf = async (count: number, asked: readonly Asked[]): Promise<readonly string[]> => {
  const slots = createFairSlots(count);
  const began: string[] = [];
  const working: Array<() => void> = [];
  const all = asked.map(({ name, ...turn }) =>
    slots.run({ namespace: "n", agentUid: name, ...turn }, () => {
      began.push(name);
      return new Promise<void>((resolve) => working.push(resolve));
    }),
  );
  const settled = Promise.all(all);
  while (began.length < asked.length || working.length > 0) {
    await Promise.resolve();
    working.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await settled;
  return began;
};

/** What is at work at once where nothing ever ends. */
const atWork = async (count: number, asked: readonly Asked[]): Promise<readonly string[]> => {
  const slots = createFairSlots(count);
  const began: string[] = [];
  for (const { name, ...turn } of asked)
    void slots.run({ namespace: "n", agentUid: name, ...turn }, () => {
      began.push(name);
      return new Promise<void>(() => undefined);
    });
  await new Promise((resolve) => setImmediate(resolve));
  return began;
};

describe("fair slots", () => {
  it("give a tenant its turn after one of a tenant that asked for a hundred", async () => {
    const junk = Array.from({ length: 100 }, (_, n) => ({ name: `junk-${n}`, namespace: "loud", agentUid: `a${n}` }));
    const order = await orderOf(1, [...junk, { name: "quiet", namespace: "calm" }]);
    expect(order.indexOf("quiet")).toBe(1);
  });

  it("give an agent its turn after one of an agent of the same tenant that asked for a hundred", async () => {
    const junk = Array.from({ length: 100 }, (_, n) => ({ name: `junk-${n}`, agentUid: "loud" }));
    expect((await orderOf(1, [...junk, { name: "quiet" }])).indexOf("quiet")).toBe(1);
  });

  it("are never all a tenant's, nor two of them an agent's", async () => {
    const loud = Array.from({ length: 5 }, (_, n) => ({ name: `loud-${n}`, namespace: "loud", agentUid: `a${n}` }));
    expect(await atWork(2, [...loud, { name: "quiet", namespace: "calm" }])).toEqual(["loud-0", "quiet"]);
    const one = Array.from({ length: 5 }, (_, n) => ({ name: `one-${n}`, agentUid: "one" }));
    expect(await atWork(4, [...one, { name: "two" }])).toEqual(["one-0", "two"]);
    expect(await atWork(1, [{ name: "only" }])).toEqual(["only"]);
  });

  it("let what is new go before what comes again, of one tenant, and in the order of asking", async () => {
    const again = { isFirst: false };
    const asked = [{ name: "first" }, { name: "again", ...again }, { name: "new" }, { name: "newer" }];
    expect(await orderOf(1, asked)).toEqual(["first", "new", "newer", "again"]);
    const other = [{ name: "a" }, { name: "b" }, { name: "again", namespace: "other", ...again }];
    expect(await orderOf(1, other)).toEqual(["a", "again", "b"]);
  });

  it("keep what must be alone behind everything else, and everything else out while it is at work", async () => {
    const suspect = { name: "suspect", namespace: "bad", isAlone: true };
    const others = Array.from({ length: 4 }, (_, n) => ({ name: `${n}`, namespace: `n${n}` }));
    expect((await orderOf(2, [others[0] ?? suspect, suspect, ...others.slice(1)])).at(-1)).toBe("suspect");
    expect(await atWork(2, [suspect, ...others])).toEqual(["suspect"]);
  });

  it("are kept for what must be alone once others have had enough turns before it, however many more come", async () => {
    const slots = createFairSlots(2);
    const order: string[] = [];
    let flood = 0;
    const floods = async (): Promise<void> => {
      const turn: Turn = { namespace: "flood", agentUid: `${(flood += 1)}` };
      // The next one asks before this one ends, so that the room is never empty by itself.
      const next = slots.run(turn, async () => {
        order.push("flood");
        return flood < 100 ? { after: floods() } : {};
      });
      await (
        await next
      ).after;
    };
    const flooding = floods();
    const alone: Turn = { namespace: "n", agentUid: "a", isFirst: false, isAlone: true };
    await slots.run(alone, async () => void order.push("alone"));
    await flooding;
    expect(order.indexOf("alone")).toBeLessThan(30);
  });

  it("are free again after work that failed", async () => {
    const slots = createFairSlots(1);
    const turn: Turn = { namespace: "n", agentUid: "a" };
    await expect(slots.run(turn, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await slots.run(turn, () => Promise.resolve("yes"))).toBe("yes");
  });
});
