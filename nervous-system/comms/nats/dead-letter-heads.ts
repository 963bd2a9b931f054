import type { JsMsg } from "@nats-io/jetstream";
import { deadStream, letterHeaders, lettersFilter } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";
import { filterSubject } from "./subject-guard.ts";

/** A dead letter without what was refused. */
type DeadLetterHead = {
  readonly namespace: string;
  /** Empty where nobody knows. */
  readonly agentUid: string;
  /** `<epoch>/<seq>` of the frame; empty where it could not be read. */
  readonly frame: string;
  readonly reason: string;
  /** When it was stored, Unix milliseconds. */
  readonly storedMs: number;
};

/** Dead letters of one who refuses. */
export type DeadLetterHeads = {
  /** How many are kept. */
  readonly count: number;
  /** The newest of the first thousand, newest first. */
  readonly newest: readonly DeadLetterHead[];
};

/** Whose letters are asked for; of every namespace where none is named. */
export type DeadLetterQuestion = {
  readonly refusedBy: string;
  readonly namespace?: string | undefined;
  /** How many are told. */
  readonly most: number;
};

const MOST_READ = 1000;
const FETCH_MS = 2_000;
const FORGOTTEN_NS = 5_000_000_000;

const headOf = ({ subject, headers, info }: JsMsg): DeadLetterHead => ({
  namespace: decodeURIComponent(subject.split(".")[2] ?? ""),
  agentUid: headers?.get(letterHeaders.agentUid) ?? "",
  frame: headers?.get(letterHeaders.frame) ?? "",
  reason: headers?.get(letterHeaders.reason) ?? "",
  storedMs: info.timestampNanos / 1e6,
});

type Connection = Pick<BusConnection, "manager" | "js">;

const headsFrom = async ({ js }: Connection, name: string, count: number): Promise<DeadLetterHead[]> => {
  const reader = await js.consumers.get(deadStream, name);
  const heads: DeadLetterHead[] = [];
  for await (const message of await reader.fetch({ max_messages: count, expires: FETCH_MS }))
    heads.push(headOf(message));
  return heads;
};

/** Reads the headers of dead letters by a consumer of its own: a letter itself may have 768 KiB. */
export const readDeadLetterHeads = async (
  connection: Connection,
  { refusedBy, namespace, most }: DeadLetterQuestion,
): Promise<DeadLetterHeads> => {
  const { consumers } = connection.manager;
  const { name, num_pending: count } = await consumers.add(deadStream, {
    ack_policy: "none",
    deliver_policy: "all",
    filter_subject: filterSubject(lettersFilter(refusedBy, namespace)),
    headers_only: true,
    mem_storage: true,
    inactive_threshold: FORGOTTEN_NS,
  });
  try {
    const heads = count === 0 ? [] : await headsFrom(connection, name, Math.min(MOST_READ, count));
    return { count, newest: heads.slice(-most).toReversed() };
  } finally {
    // The server forgets it by itself, but a stream takes so many at a time.
    await consumers.delete(deadStream, name).catch(() => undefined);
  }
};
