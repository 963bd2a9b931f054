import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLimiter } from "../src/limiter.js";

describe("limiter", () => {
  it("counts each caller apart", () => {
    const limiter = createLimiter({ capacity: 1, refillPerSecond: 1, now: () => 0 });
    assert.equal(limiter.take("a").allowed, true);
    assert.equal(limiter.take("a").allowed, false);
    assert.equal(limiter.take("b").allowed, true);
  });

  it("forgets callers whose bucket is full before those who still wait", () => {
    let now = 0;
    const limiter = createLimiter({ capacity: 1, refillPerSecond: 1, maxCallers: 2, now: () => now });
    limiter.take("rested");
    now = 1_000;
    limiter.take("waiting");
    limiter.take("new");
    assert.equal(limiter.size(), 2);
    assert.equal(limiter.take("waiting").allowed, false);
  });
});
