import { describe, expect, it } from "@jest/globals";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { createUsageMemory } from "#pipeline/gateway/usage-memory.ts";

const asked = (uid: string, { generation = 1, operation = "chat/completions" } = {}) => ({
  model: { metadata: { uid, generation } } as Model,
  route: { operation },
});

const memoryOf = (max: number) => {
  let nowMs = 0;
  const memory = createUsageMemory(max, { monotonicMs: () => nowMs });
  return { ...memory, pass: (ms: number) => void (nowMs += ms) };
};

describe("the memory of what endpoints take", () => {
  it("is of a Model as it stands: a changed one may name another endpoint", () => {
    const memory = memoryOf(8);
    memory.remember(asked("a"), "refuses");
    memory.remember(asked("b"), "takes");
    const asking = [asked("a"), asked("b"), asked("a", { generation: 2 }), asked("c")];
    expect(asking.map(memory.verdictOf)).toEqual(["refuses", "takes", undefined, undefined]);
    memory.remember(asked("a"), "takes");
    expect(memory.verdictOf(asked("a"))).toBe("takes");
  });

  it("is of one operation: what completions refuse chats may take", () => {
    const memory = memoryOf(8);
    memory.remember(asked("a", { operation: "completions" }), "refuses");
    expect(memory.verdictOf(asked("a"))).toBeUndefined();
    memory.remember(asked("a"), "takes");
    expect(memory.verdictOf(asked("a", { operation: "completions" }))).toBe("refuses");
  });

  it("holds for ten minutes: until then nothing of what refuses is counted", () => {
    const memory = memoryOf(8);
    memory.remember(asked("a"), "refuses");
    memory.pass(599_999);
    expect(memory.verdictOf(asked("a"))).toBe("refuses");
    memory.pass(1);
    expect(memory.verdictOf(asked("a"))).toBeUndefined();
  });

  it("is bounded", () => {
    const memory = memoryOf(2);
    for (const uid of ["a", "b", "c"]) memory.remember(asked(uid), "takes");
    expect(["a", "b", "c"].map((uid) => memory.verdictOf(asked(uid)))).toEqual([undefined, "takes", "takes"]);
  });
});
