import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { FairSlots } from "#nervous-system/kernel/fair-slots.ts";
import type { PublicationEnd } from "#supervisor/publish/publication-frame.ts";
import { refuse, type Retryable } from "#supervisor/publish/proposal.ts";
import type { RefusedAttempts } from "#supervisor/publish/refused-attempts.ts";
import type { WorkMarks } from "#supervisor/publish/work-marks.ts";

/** What proposals are answered by. */
export type Answering = {
  /** Answers once; it is to end soon when the signal aborts, with whatever it has. */
  answer(frame: StoredFrame, signal: AbortSignal): Promise<PublicationEnd | Retryable>;
  readonly slots: FairSlots;
  readonly marks: WorkMarks;
  readonly refused: RefusedAttempts;
  readonly clock: Pick<Clock, "monotonicMs" | "sleep">;
  readonly random: () => number;
  readonly log: Pick<Log, "info" | "warn">;
  /** How long a proposal is tried again before it is refused, milliseconds. */
  readonly giveUpAfterMs: number;
  readonly onRetry: () => void;
};

const backoff = { baseMs: 1_000, capMs: 60_000 };
/** Who has approved something waits for it, and asking costs a few reads of the API server. */
const personBackoff = { ...backoff, capMs: 15_000 };

/** A proposal that was at work so many times in a row when its publisher was killed is not tried again. */
const mostKills = 3;
/** What is suspect is the oldest of the stream, and would be the first to be read: it waits until others had their turn. */
const suspectPauseMs = 15_000;

// One proposal, from its delivery to its acknowledgement; whatever ends the process leaves it where it was, and it comes again.
//
//   delivered --unreadable, one too many-----------------> logged, refused ------------+
//       |                                                                              v
//       +--> answering --ok or refused--> PUBLICATION written ---> finished --all before it are, too--> acknowledged
//             ^  |  |  \
//             |  |  |   +--giveUpAfterMs would be over--> refused (PublicationTimedOut)
//      asleep +--+  +--killed at work--> comes again, and is answered with nothing beside it; at the third kill refused (PublisherKilled)

const answerOnce = async (
  { slots, marks, refused, answer }: Answering,
  frame: StoredFrame,
  isFirst: boolean,
  signal: AbortSignal,
): Promise<PublicationEnd | Retryable> => {
  const { namespace, agent_uid: agentUid } = frame.envelope;
  // What was at work beside the one that killed is as suspect: alone it can only answer for itself.
  const isAlone = marks.kills(frame.hash) > 0;
  return slots.run({ namespace, agentUid, isFirst, isAlone }, async () => {
    signal.throwIfAborted();
    const tooMany = refused.judge(frame);
    if (tooMany !== undefined) return tooMany;
    await marks.begin(frame.hash);
    try {
      const end = await answer(frame, signal);
      refused.note(frame, end);
      return end;
    } finally {
      await marks.end(frame.hash);
    }
  });
};

const pauseBefore = ({ awaitsPerson, afterMs = 0 }: Retryable, attempt: number, random: () => number): number => {
  const bounds = awaitsPerson === true ? personBackoff : backoff;
  return Math.max(bounds.baseMs + fullJitterMs(attempt, { ...bounds, random }), afterMs);
};

/**
 * Answers until there is an end: what is transient is tried again, with growing pauses, for as long as is sensible. It tells
 * before it waits.
 */
export const answerUntilEnd = async (
  answering: Answering,
  frame: StoredFrame,
  onWait: () => Promise<void>,
  signal: AbortSignal,
): Promise<PublicationEnd> => {
  const { clock, random, log, giveUpAfterMs, marks, onRetry } = answering;
  if (marks.kills(frame.hash) >= mostKills)
    return refuse(
      "PublisherKilled",
      `the publisher was killed ${mostKills} times while it was at work on this proposal`,
    );
  const pause = async (pauseMs: number): Promise<void> => {
    await onWait();
    await clock.sleep(pauseMs, signal);
  };
  if (marks.kills(frame.hash) > 0) await pause(suspectPauseMs);
  let startedMs = clock.monotonicMs();
  for (let attempt = 0; ; attempt += 1) {
    const end = await answerOnce(answering, frame, attempt === 0, signal);
    signal.throwIfAborted();
    if (end.kind !== "retry") return end;
    const { event_id: proposal, mission, namespace } = frame.envelope;
    const pauseMs = pauseBefore(end, attempt, random);
    if (end.awaitsPerson === true) {
      if (attempt === 0) log.info({ proposal, mission, namespace }, `a proposal waits: ${end.message}`);
      await pause(pauseMs);
      // However long a person takes, nothing was broken meanwhile.
      startedMs = clock.monotonicMs();
      continue;
    }
    const leftMs = startedMs + giveUpAfterMs - clock.monotonicMs();
    if (pauseMs > leftMs) return refuse("PublicationTimedOut", end.message);
    onRetry();
    log.warn({ proposal, mission, namespace, attempt, pauseMs }, `a proposal waits: ${end.message}`);
    await pause(pauseMs);
  }
};
