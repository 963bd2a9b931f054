import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TokenBucket } from "../src/token-bucket.js";

const bucketAt = (options) => {
  const time = { ms: 1_000_000 };
  return { time, bucket: new TokenBucket({ capacity: 3, refillPerSecond: 1, now: () => time.ms, ...options }) };
};

const drain = (bucket) => {
  while (bucket.take().allowed);
};

describe("TokenBucket", () => {
  it("lets a burst of its capacity through and refuses the next", () => {
    const { bucket } = bucketAt();
    assert.deepEqual([1, 2, 3, 4].map(() => bucket.take().allowed), [true, true, true, false]);
  });

  it("gains a token each interval, up to its capacity", () => {
    const { bucket, time } = bucketAt();
    drain(bucket);
    time.ms += 60_000;
    assert.deepEqual([1, 2, 3, 4].map(() => bucket.take().allowed), [true, true, true, false]);
  });

  it("lets a caller in after the time it was told, however often it asks in between", () => {
    const { bucket, time } = bucketAt();
    drain(bucket);
    const refused = bucket.take();
    assert.equal(refused.retryAfterMs, 1000);
    for (let asked = 0; asked < 9; asked += 1) {
      time.ms += 100;
      assert.equal(bucket.take().allowed, false, `asked again after ${(asked + 1) * 100} ms`);
    }
    time.ms += 100;
    assert.equal(bucket.take().allowed, true, "1000 ms have passed");
  });

  it("tells a shorter wait the longer the caller has waited", () => {
    const { bucket, time } = bucketAt();
    drain(bucket);
    time.ms += 400;
    assert.equal(bucket.take().retryAfterMs, 600);
    time.ms += 250;
    assert.equal(bucket.take().retryAfterMs, 350);
  });

  it("neither gives nor takes when the clock steps back", () => {
    const { bucket, time } = bucketAt();
    bucket.take();
    time.ms -= 5_000;
    assert.deepEqual([1, 2, 3].map(() => bucket.take().allowed), [true, true, false]);
    time.ms += 1_000;
    assert.equal(bucket.take().allowed, true, "a second after the step there is a token again");
  });

  it("refuses settings that make no sense", () => {
    assert.throws(() => bucketAt({ capacity: 0 }), RangeError);
    assert.throws(() => bucketAt({ refillPerSecond: -1 }), RangeError);
  });
});
