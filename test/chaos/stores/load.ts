import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { SwarmFrames } from "#test/builders/swarm-frames.ts";
import type { Random } from "#test/simulation/random.ts";

/** Frames that come to the stream all the time. */
export type Load = {
  /** Frames that are stored. */
  stored(): number;
  /** Says nothing new, and resolves once everything said is stored. */
  finish(): Promise<void>;
};

/** What a load is made of. */
export type LoadOptions = {
  readonly bus: Bus;
  readonly swarm: SwarmFrames;
  readonly perSecond: number;
  readonly random: Random;
  readonly clock: Clock;
};

const RETRY_MS = 200;

/** What was tried before an answer got lost comes again. */
const isThere = ({ kind }: { readonly kind: string }): boolean => kind === "stored" || kind === "duplicate";

/** As a recorder does it: the same frames again until the stream has them. */
const publishUntilStored = async ({ bus, clock }: LoadOptions, frames: readonly RecordedFrame[]): Promise<void> => {
  for (;;) {
    const results = await bus.publisher.publish(frames).catch(() => []);
    if (results.length === frames.length && results.every(isThere)) return;
    await clock.sleep(RETRY_MS);
  }
};

/** Begins to publish bursts of one chain after the other, at a rate that it catches up with after an outage. */
export const startLoad = (options: LoadOptions): Load => {
  const { swarm, random, perSecond, clock } = options;
  const began = clock.monotonicMs();
  let [stored, finishing] = [0, false];
  const run = async (): Promise<void> => {
    while (!finishing) {
      const due = ((clock.monotonicMs() - began) / 1_000) * perSecond - stored;
      if (due <= 0) await clock.sleep(20);
      else {
        const frames = swarm.burst(random.between(1, 40));
        await publishUntilStored(options, frames);
        stored += frames.length;
      }
    }
  };
  const running = run();
  return {
    stored: () => stored,
    finish: async () => {
      finishing = true;
      await running;
    },
  };
};
