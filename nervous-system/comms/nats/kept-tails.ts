import { headers, type MsgHdrs } from "nats";
import { chunkHeaders, tailsStream, tailSubject } from "#nervous-system/schemas/subjects.ts";
import { readLast } from "./chain-tail.ts";
import type { BusConnection } from "./connection.ts";
import { publishableSubject } from "./subject-guard.ts";

/** The headers of a chunk, with what its server says of it. */
export type ChunkHead = {
  readonly seq: number;
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  /** Size of its body, bytes. */
  readonly bytes: number;
  /** When it was stored, Unix milliseconds. */
  readonly storedMs: number;
};

const told = [chunkHeaders.lastSeq, chunkHeaders.hash, chunkHeaders.principal] as const;

/** Of one namespace so many ends are kept, the newest: however many chains it makes, those of others stay. */
const MOST_OF_NAMESPACE = 20_000;

/** The newest chunk of each chain; what is no chunk belongs to none. */
const newestOf = (heads: readonly ChunkHead[]): Map<string, ChunkHead> =>
  new Map(
    heads
      .filter(({ headers }) => headers?.has(chunkHeaders.hash))
      .map((head) => [publishableSubject(tailSubject(head.subject)), head]),
  );

/** Keeps one end, unless a later one is kept: of two trimmers the slower one must not set a chain back. */
const keepTail = async (
  { js, manager }: Pick<BusConnection, "js" | "manager">,
  subject: string,
  head: ChunkHead,
): Promise<void> => {
  const kept = await readLast(manager, tailsStream, subject);
  if (kept !== undefined && kept.lastSeq >= Number(head.headers?.get(chunkHeaders.lastSeq))) return;
  const carried = headers();
  for (const name of told) {
    const value = head.headers?.get(name) ?? "";
    if (value !== "") carried.set(name, value);
  }
  const expect = { lastSubjectSequence: kept?.streamSeq ?? 0 };
  await js.publish(subject, new Uint8Array(), { headers: carried, expect });
};

/** Keeps where the chains of these chunks end, before the chunks go; resolves once all of it is on disk. */
export const keepTails = async (
  connection: Pick<BusConnection, "js" | "manager">,
  heads: readonly ChunkHead[],
  mostOfNamespace: number = MOST_OF_NAMESPACE,
): Promise<void> => {
  const newest = newestOf(heads);
  await Promise.all([...newest].map(([subject, head]) => keepTail(connection, subject, head)));
  const filters = new Set([...newest.keys()].map((subject) => subject.replace(/\.[^.]+\.\d+$/, ".>")));
  for (const filter of filters) await connection.manager.streams.purge(tailsStream, { filter, keep: mostOfNamespace });
};
