import type { DeadLetters } from "#nervous-system/comms/dead-letters.ts";
import type { UnchainedPublisher } from "#nervous-system/comms/unchained.ts";
import type { TelemetryFrame } from "#nervous-system/telemetry/otlp/spans-to-frames.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { ComposeStrangerFrame, StrangerFrame } from "#pipeline/collector/stranger-frames.ts";

/** Where the frames of strangers go. */
export type StrangerSinks = {
  readonly unchained: UnchainedPublisher;
  readonly deadLetters: DeadLetters;
  readonly compose: ComposeStrangerFrame;
};

/** What became of an export: frames stored, and why others were not. */
export type StrangersTaken = { readonly stored: number; readonly refused: readonly string[] };

// As many as one export of frames holds.
const GROUP = 512;

const bury = (
  { deadLetters }: StrangerSinks,
  caller: Caller,
  { id, reason, bytes }: StrangerFrame & { kind: "refused" },
): Promise<void> =>
  deadLetters.put({
    refusedBy: "collector",
    namespace: caller.namespace,
    agentUid: caller.agentUid,
    reason,
    bytes,
    id: `${caller.agentUid}/${id}`,
  });

/** Stores what a stranger's program told; resolves once every frame, or a dead letter in its place, is on disk. */
export const takeStrangers = async (
  sinks: StrangerSinks,
  caller: Caller,
  told: readonly TelemetryFrame[],
): Promise<StrangersTaken> => {
  const refused: string[] = [];
  let stored = 0;
  for (let at = 0; at < told.length; at += GROUP) {
    const made = told.slice(at, at + GROUP).map((one) => sinks.compose(one, caller));
    const frames = made.flatMap((one) => (one.kind === "frame" ? [one.frame] : []));
    const bad = made.flatMap((one) => (one.kind === "refused" ? [one] : []));
    await Promise.all(bad.map((one) => bury(sinks, caller, one)));
    await sinks.unchained.publish(frames);
    stored += frames.length;
    refused.push(...bad.map(({ reason }) => reason));
  }
  return { stored, refused };
};
