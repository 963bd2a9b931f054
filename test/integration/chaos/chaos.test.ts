import { afterAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createCleanup, temporaryDirectory } from "#test/integration/pipeline/bus-harness.ts";
import { runChaos } from "#test/chaos/run-chaos.ts";

// `make chaos` does a thousand.
const KILLS = 12;

const cleanup = createCleanup();
afterAll(() => cleanup.run(), 60_000);

describe("kill -9 of scribes, collectors and NATS under load", () => {
  it(`${KILLS} times: every acknowledged frame is in the stream once, in order, and the chain verifies`, async () => {
    const result = await runChaos({
      kills: KILLS,
      agents: 3,
      collectors: 2,
      seed: 3,
      clock: systemClock(),
      cleanup,
      logsTo: await temporaryDirectory(cleanup),
      onProgress: () => undefined,
    });
    expect(result.violations).toEqual([]);
    expect(Math.min(...Object.values(result.kills))).toBeGreaterThan(0);
    expect(result.acknowledged).toBeGreaterThan(KILLS * 10);
    expect(result.stored).toBeGreaterThanOrEqual(result.acknowledged);
  }, 240_000);
});
