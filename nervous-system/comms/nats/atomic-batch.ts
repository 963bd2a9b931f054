import type { MsgHdrs, NatsConnection } from "nats";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";

/** One message of a batch; its subject and headers have passed the subject guard. */
export type BatchMessage = {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Lines `Name: value`, each ended by CRLF. */
  readonly headerLines: string;
};

/** What became of a batch: all of it is stored, or nothing. */
export type BatchOutcome =
  | { readonly kind: "stored"; readonly firstSeq: number }
  /** An expected last sequence did not hold. */
  | { readonly kind: "conflict" }
  /** The server refused for a reason that another try does not change by itself. */
  | { readonly kind: "refused"; readonly code: number; readonly message: string }
  /** No answer: it may be stored or not. */
  | { readonly kind: "unknown"; readonly error: unknown };

/** JSStreamWrongLastSequenceErr, and its form without the number. */
const CONFLICTS: ReadonlySet<number> = new Set([10071, 10164]);
/** Not whole after a restart, too many at once, no leader, not ready: errors that pass by themselves. */
const PASSING: ReadonlySet<number> = new Set([10176, 10210, 10008, 10009, 10118, 10163]);

/**
 * Headers made in one piece of lines `Name: value`, each ended by CRLF. The client's own class checks and joins every header of every message, which
 * costs more than the rest of publishing a frame.
 */
export const rawHeaders = (lines: string): MsgHdrs => {
  const bytes = Buffer.from(`NATS/1.0\r\n${lines}\r\n`, "utf8");
  return { encode: () => bytes } as unknown as MsgHdrs;
};

type Refusal = { err_code?: number; description?: string };
type Answer = { seq?: number; count?: number; error?: Refusal };

const refusal = ({ err_code: code = 0, description: message = "no reason given" }: Refusal): BatchOutcome => {
  if (CONFLICTS.has(code)) return { kind: "conflict" };
  return PASSING.has(code) ? { kind: "unknown", error: new Error(message) } : { kind: "refused", code, message };
};

const readAnswer = (bytes: Uint8Array, count: number): BatchOutcome => {
  const answer = JSON.parse(Buffer.from(bytes).toString("utf8")) as Answer;
  const { error, seq } = answer;
  if (error) return refusal(error);
  if (typeof seq !== "number" || (answer.count ?? 1) !== count) {
    return { kind: "unknown", error: new Error("JetStream answered a batch with another count") };
  }
  return { kind: "stored", firstSeq: seq - count + 1 };
};

/** How one batch is sent. */
export type BatchCommit = {
  /** Unique a batch; the server forgets it with the commit. */
  readonly id: string;
  readonly timeoutMs: number;
  /** Aborts when the connection is lost: no answer will come then. */
  readonly link: AbortSignal;
};

const batchLines = (id: string, place: number, size: number): string =>
  size === 1
    ? "" // a message by itself is stored or not as it is
    : `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${place}\r\n${place === size ? "Nats-Batch-Commit: 1\r\n" : ""}`;

/**
 * Publishes 1 to 1,000 messages, several as one atomic batch: the server stores all of them, in order and next to each
 * other, or none.
 */
export const commitBatch = async (
  nats: NatsConnection,
  messages: readonly BatchMessage[],
  commit: BatchCommit,
): Promise<BatchOutcome> => {
  // What is sent while the connection is down waits in the client and would arrive as stale news.
  if (commit.link.aborted) return { kind: "unknown", error: commit.link.reason };
  try {
    let answer: ReturnType<NatsConnection["request"]> | undefined;
    for (const [index, { subject, data, headerLines }] of messages.entries()) {
      const lines = batchLines(commit.id, index + 1, messages.length) + headerLines;
      const headers = rawHeaders(lines);
      if (index < messages.length - 1) nats.publish(subject, data, { headers });
      else answer = nats.request(subject, data, { headers, timeout: commit.timeoutMs });
    }
    if (answer === undefined) throw new RangeError("a batch holds at least one message");
    return readAnswer((await untilAborted(answer, commit.link)).data, messages.length);
  } catch (error) {
    return { kind: "unknown", error };
  }
};
