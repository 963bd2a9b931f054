import { groupsOf } from "#nervous-system/kernel/groups.ts";
import type { DeadLetters } from "#nervous-system/comms/nats/dead-letters.ts";
import type { UnchainedPublisher } from "#nervous-system/comms/nats/unchained.ts";
import type { TelemetryFrame } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import type { Caller } from "./caller.ts";
import type { ComposeStrangerFrame, StrangerFrame } from "./external-frames.ts";

/** Where the frames of strangers go. */
export type StrangerSinks = {
  readonly unchained: UnchainedPublisher;
  readonly deadLetters: DeadLetters;
  readonly compose: ComposeStrangerFrame;
};

/** What became of an export: frames stored, and why others were not. */
export type StrangersTaken = { readonly stored: number; readonly refused: readonly string[] };

const bytesOf = (one: StrangerFrame): number => (one.kind === "frame" ? one.frame.bytes : one.bytes).length;
// As many as one export of frames holds.
const atOnce = { items: 512, bytes: 4 * 1024 * 1024, bytesOf };

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
  told: Iterable<TelemetryFrame>,
): Promise<StrangersTaken> => {
  const compose = function* (): Generator<StrangerFrame> {
    for (const one of told) yield sinks.compose(one, caller);
  };
  const refused: string[] = [];
  let stored = 0;
  for (const made of groupsOf(compose(), atOnce)) {
    const frames = made.flatMap((one) => (one.kind === "frame" ? [one.frame] : []));
    const bad = made.flatMap((one) => (one.kind === "refused" ? [one] : []));
    await Promise.all(bad.map((one) => bury(sinks, caller, one)));
    await sinks.unchained.publish(frames);
    stored += frames.length;
    refused.push(...bad.map(({ reason }) => reason));
  }
  return { stored, refused };
};
