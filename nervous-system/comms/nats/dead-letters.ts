import { headers } from "nats";
import { letterHeaders, letterSubject, subjectToken } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { BusUnavailableError } from "./publisher.ts";
import { publishableSubject } from "./subject-guard.ts";

/** What could not become a frame, or could not be read from the stream. */
type DeadLetter = {
  /** Who refused it: `collector`, `siphon-ledger`, … */
  readonly refusedBy: string;
  readonly namespace: string;
  /** Uid of the agent that sent it; undefined when unknown. */
  readonly agentUid?: string | undefined;
  /** The frame's place in that agent's record, where it could be read. */
  readonly frame?: { readonly epoch: number; readonly seq: number } | undefined;
  readonly reason: string;
  /** Kept up to 768 KiB. */
  readonly bytes: Uint8Array;
  /** The same letter has the same id, so that sending it again is harmless. */
  readonly id: string;
};

/** Keeps dead letters; resolves once the letter is on disk, rejects with `BusUnavailableError`. */
export type DeadLetters = { put(letter: DeadLetter): Promise<void> };

const MAX_REASON = 500;
/** Most bytes of a letter; the server takes 1 MiB with subject and headers, and what is refused may be larger. */
const MAX_LETTER_BYTES = 768 * 1024;

/** One printable line. */
const oneLine = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, MAX_REASON) || "unknown";

/** Creates the writer of stream CONTEXT_DEAD. */
export const createDeadLetters = ({ js, whileUp }: Pick<BusConnection, "js" | "whileUp">): DeadLetters => ({
  put: async (letter) => {
    const { bytes, agentUid, frame } = letter;
    const subject = publishableSubject(letterSubject(letter.refusedBy, letter.namespace, agentUid));
    const cut = bytes.length > MAX_LETTER_BYTES ? ` (the first ${MAX_LETTER_BYTES} of ${bytes.length} bytes)` : "";
    const carried = headers();
    if (agentUid !== undefined) carried.set(letterHeaders.agentUid, subjectToken(agentUid));
    if (frame !== undefined) carried.set(letterHeaders.frame, `${frame.epoch}/${frame.seq}`);
    carried.set(letterHeaders.reason, oneLine(letter.reason).slice(0, MAX_REASON - cut.length) + cut);
    try {
      await whileUp(() =>
        js.publish(subject, bytes.subarray(0, MAX_LETTER_BYTES), { msgID: oneLine(letter.id), headers: carried }),
      );
    } catch (error) {
      throw new BusUnavailableError(`JetStream did not take the dead letter: ${String(error)}`);
    }
  },
});
