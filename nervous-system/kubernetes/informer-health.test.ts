import { describe, expect, it } from "@jest/globals";
import { unfollowed } from "./informer-health.ts";
import { agents, missions } from "./swarm-kinds.ts";

describe("kinds that are not followed", () => {
  it("are those that were never listed, and those of which nothing was heard for a minute", () => {
    const heard = { kind: agents, hasSynced: () => true, silenceMs: () => 59_000 };
    expect(unfollowed([heard])).toEqual([]);
    expect(
      unfollowed([heard, { ...heard, hasSynced: () => false }, { ...heard, kind: missions, silenceMs: () => 61_000 }]),
    ).toEqual([
      "the cache of agents.swarm.enchanted.dev is not filled yet",
      "nothing heard from the API server about missions.swarm.enchanted.dev for 61 s",
    ]);
  });
});
