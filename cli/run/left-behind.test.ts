import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { untilNobodyIsLeft, type ProcessTable } from "./left-behind.ts";

const ours = "A=b\0ENCHANTED_SOCKET=/run/ours\0";

/** A thousand processes of others, and those that are left behind. */
const machine = () => {
  const others = Array.from({ length: 1000 }, (_, id) => [`${id}`, "ENCHANTED_SOCKET=/run/theirs\0"] as const);
  const processes = new Map<string, string>(others);
  let reads = 0;
  const table: ProcessTable = {
    ids: async () => [...processes.keys()],
    environment: async (id) => {
      reads += 1;
      return processes.get(id) ?? "";
    },
  };
  const readsOf = async (work: () => Promise<void>): Promise<number> => {
    const before = reads;
    await work();
    return reads - before;
  };
  return { processes, table, readsOf };
};

describe("waiting for those who were left behind", () => {
  const wait = () => {
    const { processes, table, readsOf } = machine();
    processes.set("2000", ours).set("2001", ours);
    const [clock, stop] = [manualClock(), new AbortController()];
    let isOver = false;
    const over = untilNobodyIsLeft("/run/ours", { clock, signal: stop.signal, table }).then(() => (isOver = true));
    const pass = async (seconds: number): Promise<void> => {
      for (let at = 0; at < seconds; at += 1) {
        while (clock.pending() === 0 && !isOver) await new Promise(setImmediate);
        await clock.advance(1000);
      }
    };
    return { processes, pass, readsOf, stop, over, isOver: () => isOver };
  };

  it("looks at them alone, each second, and at nobody else", async () => {
    const { processes, pass, readsOf, stop, over } = wait();
    await pass(1);
    expect(await readsOf(() => pass(100))).toBeLessThanOrEqual(200);
    processes.delete("2000");
    await pass(1);
    expect(await readsOf(() => pass(100))).toBeLessThanOrEqual(100);
    stop.abort();
    await over;
  });

  it("finds what they started and left behind in their turn, and ends within a second of the last one", async () => {
    const { processes, pass, isOver, over } = wait();
    await pass(1);
    processes.set("3000", ours);
    for (const id of ["2000", "2001"]) processes.delete(id);
    await pass(5);
    expect(isOver()).toBe(false);
    processes.set("3000", "another process has its id\0");
    await pass(1);
    await over;
  });
});
