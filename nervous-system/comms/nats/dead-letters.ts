import { headers } from "nats";
import { reasonHeader, subjectToken } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { BusUnavailableError } from "./publisher.ts";
import { publishableSubject } from "./subject-guard.ts";

/** What could not become a frame, or could not be read from the stream. */
export type DeadLetter = {
  /** Who refused it: `collector`, `siphon-ledger`, … */
  readonly refusedBy: string;
  readonly namespace: string;
  /** Uid of the agent that sent it; undefined when unknown. */
  readonly agentUid?: string | undefined;
  readonly reason: string;
  readonly bytes: Uint8Array;
  /** The same letter has the same id, so that sending it again is harmless. */
  readonly id: string;
};

/** Keeps dead letters; resolves once the letter is on disk, rejects with `BusUnavailableError`. */
export type DeadLetters = { put(letter: DeadLetter): Promise<void> };

const MAX_REASON = 500;

/** One printable line. */
const oneLine = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, MAX_REASON) || "unknown";

/** Creates the writer of stream CONTEXT_DEAD. */
export const createDeadLetters = ({ js, whileUp }: Pick<BusConnection, "js" | "whileUp">): DeadLetters => ({
  put: async (letter) => {
    const subject = publishableSubject(
      `dead.${subjectToken(letter.refusedBy)}.${subjectToken(letter.namespace)}.${subjectToken(letter.agentUid)}`,
    );
    const carried = headers();
    carried.set(reasonHeader, oneLine(letter.reason));
    try {
      await whileUp(() => js.publish(subject, letter.bytes, { msgID: oneLine(letter.id), headers: carried }));
    } catch (error) {
      throw new BusUnavailableError(`JetStream did not take the dead letter: ${String(error)}`);
    }
  },
});
