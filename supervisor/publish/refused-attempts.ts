import { superseded } from "#nervous-system/fold/proposals.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { PublicationEnd } from "#supervisor/publish/publication-frame.ts";
import { refuse, type Refused, type Retryable } from "#supervisor/publish/proposal.ts";

/** How often the proposals of each attempt of an agent were refused: each of them may have cost a clone. */
export type RefusedAttempts = {
  /** Why a proposal is not looked at any more. */
  judge(frame: StoredFrame): Refused | undefined;
  note(frame: StoredFrame, end: PublicationEnd | Retryable): void;
};

const mostRemembered = 10_000;

const keyOf = ({ envelope }: StoredFrame): string => `${envelope.agent_uid}/${envelope.epoch}`;

/** Creates the count of one process; it forgets the attempts that were refused longest ago. */
export const createRefusedAttempts = (most: number): RefusedAttempts => {
  const refused = new Map<string, number>();
  return {
    judge: (frame) =>
      (refused.get(keyOf(frame)) ?? 0) < most
        ? undefined
        : refuse("TooManyRefused", `${most} proposals of this attempt were refused; no more of it are looked at`),
    note: (frame, end) => {
      // One that is superseded was good: a restart reads all of those again that a later one stands above.
      if (end.kind !== "refused" || end.reason === superseded) return;
      const key = keyOf(frame);
      const count = (refused.get(key) ?? 0) + 1;
      refused.delete(key);
      refused.set(key, count);
      const [oldest] = refused.keys();
      if (refused.size > mostRemembered && oldest !== undefined) refused.delete(oldest);
    },
  };
};
