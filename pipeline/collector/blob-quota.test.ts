import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createBlobQuota, type BlobOwner } from "#pipeline/collector/blob-quota.ts";

const MIB = 2 ** 20;

const setUp = () => {
  const clock = manualClock();
  const limits = { agentBytesPerSecond: MIB, namespaceBytesPerSecond: 4 * MIB, diskBytes: 2048 * MIB };
  const quota = createBlobQuota(limits, clock);
  const upload = (owner: BlobOwner, mib = 64): boolean => {
    try {
      const { take, leave } = quota.open(owner);
      take(mib * MIB);
      leave();
      return true;
    } catch {
      return false;
    }
  };
  const flood = (owner: BlobOwner): number => {
    let sent = 0;
    while (upload(owner)) sent += 64;
    return sent;
  };
  return { clock, quota, upload, flood };
};

describe("the quota of blobs", () => {
  it("lets an agent bring half a gibibyte at once and then a mebibyte a second, and others none the less", async () => {
    const { clock, quota, upload, flood } = setUp();
    const greedy = { namespace: "a", agentUid: "a1" };
    expect(flood(greedy)).toBe(512);
    expect(() => quota.open(greedy)).toThrow("agent a1 has sent more blobs than it may lately");
    expect(upload({ namespace: "a", agentUid: "a2" })).toBe(true);
    expect(upload({ namespace: "b", agentUid: "b1" })).toBe(true);
    let sent = 0;
    for (let minute = 0; minute < 60; minute += 1) {
      await clock.advance(60_000);
      sent += flood(greedy);
    }
    expect(sent).toBeLessThanOrEqual(3_600 + 64);
  });

  it("counts the agents of a namespace together, and apart from them what components record of it", () => {
    const { upload, flood } = setUp();
    for (let i = 0; i < 8; i += 1) flood({ namespace: "a", agentUid: `a${i}` });
    expect(upload({ namespace: "a", agentUid: "late" })).toBe(false);
    expect(upload({ namespace: "a", agentUid: undefined })).toBe(true);
    flood({ namespace: "a", agentUid: undefined });
    expect(upload({ namespace: "a", agentUid: undefined })).toBe(false);
    expect(upload({ namespace: "b", agentUid: undefined })).toBe(true);
  });

  it("keeps room on the disk for others, whatever lies there unfinished", () => {
    const { quota } = setUp();
    const open = (owner: BlobOwner) => {
      const upload = quota.open(owner);
      upload.take(64 * MIB);
      return upload;
    };
    const unfinished: Array<ReturnType<typeof open>> = [];
    for (let i = 0; i < 40; i += 1) {
      const namespace = `n${i % 10}`;
      try {
        unfinished.push(open({ namespace, agentUid: `${namespace}/${i}` }));
      } catch (error) {
        expect(error).toMatchObject({ message: "there is no room for more blobs on their way", retryAfterMs: 1_000 });
      }
    }
    expect(unfinished.length).toBeLessThan(32);
    expect(open({ namespace: "late", agentUid: "l" })).toBeDefined();
  });
});
