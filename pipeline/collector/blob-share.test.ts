import { describe, expect, it } from "@jest/globals";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { BlobOwner } from "./blob-quota.ts";
import { createBlobShare } from "./blob-share.ts";
import { createCollectorMetrics } from "./measure.ts";

const MIB = 2 ** 20;
const agent: BlobOwner = { namespace: "a", agentUid: "a1" };

/** A share of 8 MiB, of which agents have 2; `isAway` tells whether nothing can be counted at the moment. */
const setUp = () => {
  const counts = new Map<string, number>();
  const state = { isAway: false };
  const share = createBlobShare({
    maxBytes: 8 * MIB,
    counted: {
      add: async (namespace, payer, bytes) => {
        if (state.isAway) throw new Error("away");
        const key = `${namespace}/${payer}`;
        counts.set(key, (counts.get(key) ?? 0) + bytes);
        return counts.get(key) ?? 0;
      },
    },
    metrics: createCollectorMetrics(createRegistry()),
    log: silentLog,
  });
  return { share, state, counted: () => counts.get("a/agents") };
};

describe("the share of the blobs", () => {
  it("is given back where a blob could not be stored", async () => {
    const { share, counted } = setUp();
    const giveBack = await share.take(agent, 2 * MIB);
    await expect(share.take(agent, MIB)).rejects.toThrow(/have filled their share/);
    expect(counted()).toBe(2 * MIB);
    await giveBack();
    expect(counted()).toBe(0);
  });

  it("holds while nothing can be counted, and what was stored meanwhile is counted afterwards", async () => {
    const { share, state, counted } = setUp();
    await share.take(agent, MIB / 2);
    state.isAway = true;
    await share.take(agent, MIB);
    await expect(share.take(agent, MIB)).rejects.toThrow(/have filled their share/);
    state.isAway = false;
    await share.take(agent, MIB / 2);
    expect(counted()).toBe(2 * MIB);
  });

  it("of agents is a quarter, and that of components the rest", async () => {
    const { share } = setUp();
    const components: BlobOwner = { namespace: "a", agentUid: undefined };
    await share.take(components, 6 * MIB);
    await expect(share.take(components, 1)).rejects.toThrow(/the components of namespace a/);
    await share.take(agent, 2 * MIB);
    await share.take({ namespace: "b", agentUid: "b1" }, 2 * MIB);
  });

  it("is none where nobody bounds it", async () => {
    const counted = { add: () => Promise.reject(new Error("not asked")) };
    const metrics = createCollectorMetrics(createRegistry());
    const share = createBlobShare({ maxBytes: undefined, counted, metrics, log: silentLog });
    await (
      await share.take(agent, 100 * MIB)
    )();
  });
});
