import { describe, expect, it } from "@jest/globals";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { createUsageMemory } from "#pipeline/gateway/usage-memory.ts";

const model = (uid: string, generation = 1) => ({ metadata: { uid, generation } }) as Model;

describe("the memory of what endpoints take", () => {
  it("is of a Model as it stands: a changed one may name another endpoint", () => {
    const memory = createUsageMemory(8);
    memory.remember(model("a"), "refuses");
    memory.remember(model("b"), "takes");
    expect([model("a"), model("b"), model("a", 2), model("c")].map((one) => memory.verdictOf(one))).toEqual([
      "refuses",
      "takes",
      undefined,
      undefined,
    ]);
    memory.remember(model("a"), "takes");
    expect(memory.verdictOf(model("a"))).toBe("takes");
  });

  it("is bounded", () => {
    const memory = createUsageMemory(2);
    for (const uid of ["a", "b", "c"]) memory.remember(model(uid), "takes");
    expect(["a", "b", "c"].map((uid) => memory.verdictOf(model(uid)))).toEqual([undefined, "takes", "takes"]);
  });
});
