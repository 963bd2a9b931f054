import { groupsOf } from "#nervous-system/kernel/groups.ts";
import type { DeadLetters } from "#nervous-system/comms/nats/dead-letters.ts";
import type { UnchainedPublisher } from "#nervous-system/comms/nats/unchained.ts";
import type { TelemetryEvent } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import type { Caller } from "./caller.ts";
import type { ComposeExternalFrame, ExternalResult } from "./external-frames.ts";

/** Where the frames of external clients go. */
export type ExternalSinks = {
  readonly unchained: UnchainedPublisher;
  readonly deadLetters: DeadLetters;
  readonly compose: ComposeExternalFrame;
};

/** What became of an export: frames stored, and why others were not. */
export type ExternalTaken = { readonly stored: number; readonly refused: readonly string[] };

const bytesOf = (one: ExternalResult): number => (one.kind === "frame" ? one.frame.bytes : one.bytes).length;
// As many as one export of frames holds.
const atOnce = { items: 512, bytes: 4 * 1024 * 1024, bytesOf };

const leaveDeadLetter = (
  { deadLetters }: ExternalSinks,
  caller: Caller,
  { id, reason, bytes }: ExternalResult & { kind: "refused" },
): Promise<void> =>
  deadLetters.put({
    refusedBy: "collector",
    namespace: caller.namespace,
    agentUid: caller.agentUid,
    reason,
    bytes,
    id: `${caller.namespace}/${caller.agentUid}/${id}`,
  });

/** Stores what an external client's program told; resolves once every frame, or a dead letter in its place, is on disk. */
export const takeExternalFrames = async (
  sinks: ExternalSinks,
  caller: Caller,
  told: Iterable<TelemetryEvent>,
): Promise<ExternalTaken> => {
  const compose = function* (): Generator<ExternalResult> {
    for (const one of told) yield sinks.compose(one, caller);
  };
  const refused: string[] = [];
  let stored = 0;
  for (const made of groupsOf(compose(), atOnce)) {
    const frames = made.flatMap((one) => (one.kind === "frame" ? [one.frame] : []));
    const bad = made.flatMap((one) => (one.kind === "refused" ? [one] : []));
    await Promise.all(bad.map((one) => leaveDeadLetter(sinks, caller, one)));
    await sinks.unchained.publish(frames);
    stored += frames.length;
    refused.push(...bad.map(({ reason }) => reason));
  }
  return { stored, refused };
};
