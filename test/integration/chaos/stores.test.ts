import { afterAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createCleanup, temporaryDirectory } from "#test/integration/pipeline/bus-harness.ts";
import { runStoreChaos } from "#test/chaos/stores/run-store-chaos.ts";

// `make chaos` does 500 and 30.
const WANTED = { siphon: 10, nats: 1, clickhouse: 2, s3: 2, neo4j: 2, weaviate: 2 };

const cleanup = createCleanup();
afterAll(() => cleanup.run(), 120_000);

describe("kill -9 of the siphon and of each of its stores under load", () => {
  it("leaves in every store what the stream holds: the frames, their chains, and what is projected of them", async () => {
    const result = await runStoreChaos({
      wanted: WANTED,
      perSecond: 60,
      seed: 5,
      clock: systemClock(),
      cleanup,
      logsTo: await temporaryDirectory(cleanup),
      onProgress: () => undefined,
    });
    expect(result.violations).toEqual([]);
    expect(result.kills).toEqual(WANTED);
    expect(result.stored).toBeGreaterThan(500);
  }, 600_000);
});
