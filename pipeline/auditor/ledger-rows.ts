import type { ReadClient } from "#nervous-system/stores/clickhouse/read-client.ts";
import type { ChainEnd } from "#pipeline/auditor/compare-chains.ts";
import { dueParams, type Due } from "#pipeline/auditor/due.ts";
import * as statements from "#pipeline/auditor/ledger-statements.ts";
import { chainOf, type FrameKey, type RecordRow } from "#pipeline/auditor/record-row.ts";

/** What the auditor asks the ledger. Everything rejects with `ClickHouseFailure`, and when the signal aborts. */
export type LedgerRows = {
  /** Every version of the rows that say that they were stored in a time, both ends included; 50,000 at most. */
  storedBetween(fromNs: bigint, toNs: bigint, signal: AbortSignal): Promise<RecordRow[]>;
  /** The same of rows that the archive must have although no file does; 50,000 at most. */
  dueBehind(due: Due, signal: AbortSignal): Promise<RecordRow[]>;
  /** Those of these rows for which a frame that was stored later stands: one of the two is a GAP and carries the other's hash. */
  replaced(rows: readonly RecordRow[], signal: AbortSignal): Promise<RecordRow[]>;
  /** Every version of the rows of frames, wherever they stand. */
  ofFrames(frames: readonly RecordRow[], signal: AbortSignal): Promise<RecordRow[]>;
  /** The frame before each of these in its chain; of a place that is empty the last one before it. */
  before(frames: readonly RecordRow[], signal: AbortSignal): Promise<ChainEnd[]>;
  /** Of each of these frames whether it has a row in its namespace. */
  which(frames: readonly FrameKey[], signal: AbortSignal): Promise<boolean[]>;
  /** Those of these frames that somebody ordered to be erased. */
  ordered(frames: readonly RecordRow[], signal: AbortSignal): Promise<RecordRow[]>;
};

/** Frames of one chain that one statement asks for: its parameters travel in a URL. */
const SLICE = 50;

const slices = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(all.length / SLICE) }, (_, n) => all.slice(n * SLICE, (n + 1) * SLICE));

/** Frames of one chain; of those without one a few, since each is asked for by its id. */
const byChain = <F extends FrameKey>(frames: readonly F[]): F[][] =>
  [...Map.groupBy(frames, ({ agentUid, epoch, seq }) => JSON.stringify([agentUid, epoch, seq > 0])).values()].flatMap(
    (group) => (group[0]?.seq === 0 ? slices(group) : [group]),
  );

type Read = <T>(query: string, params: Record<string, unknown>, signal: AbortSignal) => Promise<T[]>;
type Row = statements.Row;

const readerOf =
  (client: Pick<ReadClient, "read">): Read =>
  async <T>(query: string, params: Record<string, unknown>, signal: AbortSignal) => {
    const all: T[] = [];
    for await (const { rows } of client.read(query, params, signal)) all.push(...(rows as readonly T[]));
    return all;
  };

const inSlices = async <T, R>(all: readonly T[], ask: (slice: readonly T[]) => Promise<R[]>): Promise<R[]> => {
  const answers: R[] = [];
  for (const slice of slices(all)) answers.push(...(await ask(slice)));
  return answers;
};

const readChain = async (read: Read, frames: readonly RecordRow[], signal: AbortSignal): Promise<RecordRow[]> => {
  const [first] = frames;
  if (first === undefined) return [];
  const { agentUid: agent, epoch, seq } = first;
  const from = frames.reduce((least, frame) => Math.min(least, frame.seq), seq);
  const to = frames.reduce((most, frame) => Math.max(most, frame.seq), seq);
  const events = seq === 0 ? frames.map(({ eventId }) => eventId) : [];
  const rows = await read<Row>(statements.ofChain, { agent, epoch, from, to, events }, signal);
  return rows.map(statements.rowOf);
};

/** The frames right before these; where one is not there, the last before it. */
const readBefore = async (read: Read, frames: readonly RecordRow[], signal: AbortSignal): Promise<ChainEnd[]> => {
  const found = (await read<Row>(statements.beforeThese, placesOf(frames, -1), signal)).map(statements.endOf);
  const there = new Set(found.map((end) => `${chainOf(end)}/${end.seq}`));
  for (const frame of frames) {
    if (there.has(`${chainOf(frame)}/${frame.seq - 1}`)) continue;
    const { agentUid: agent, epoch, seq } = frame;
    found.push(...(await read<Row>(statements.lastBefore, { agent, epoch, seq }, signal)).map(statements.endOf));
  }
  return found;
};

const readWhich = async (read: Read, frames: readonly FrameKey[], signal: AbortSignal): Promise<string[]> => {
  const [first] = frames;
  if (first === undefined) return [];
  const { agentUid: agent, epoch } = first;
  const seqs = [...new Set(frames.map(({ seq }) => seq))];
  const events = first.seq === 0 ? frames.map(({ eventId }) => eventId) : [];
  const found = await read<Row>(statements.whichOfChain, { agent, epoch, seqs, events }, signal);
  return found.map((row) => JSON.stringify([row.namespace, row.agent_uid, row.epoch, row.seq, row.event_id]));
};

const placesOf = (frames: readonly RecordRow[], offset: number): Record<string, unknown> => ({
  agents: frames.map(({ agentUid }) => agentUid),
  epochs: frames.map(({ epoch }) => epoch),
  seqs: frames.map(({ seq }) => seq + offset),
});

/** Whether what stands at its place says that it is there in place of the row: one of the two is a GAP and carries the other's hash. */
const replaces = (other: Row, row: RecordRow): boolean =>
  other.agent_uid === row.agentUid &&
  other.epoch === row.epoch &&
  other.seq === row.seq &&
  other.event_id !== row.eventId &&
  other.hash === row.hash &&
  (other.event_type === "GAP" || row.eventType === "GAP") &&
  BigInt(other.stored_ns) > row.storedNs;

const readReplaced = async (read: Read, rows: readonly RecordRow[], signal: AbortSignal): Promise<RecordRow[]> => {
  const others = await read<Row>(statements.standingAt, placesOf(rows, 0), signal);
  const byHash = Map.groupBy(others, ({ hash }) => hash);
  return rows.filter((row) => byHash.get(row.hash)?.some((other) => replaces(other, row)));
};

const readOrdered = async (read: Read, frames: readonly RecordRow[], signal: AbortSignal): Promise<RecordRow[]> => {
  const params = { agents: frames.map(({ agentUid }) => agentUid), events: frames.map(({ eventId }) => eventId) };
  const found = await read<Row>(statements.ordersFor, params, signal);
  const orders = new Set(
    found.map((row) => JSON.stringify([row.namespace, row.agent_uid, row.epoch, row.seq, row.event_id])),
  );
  return frames.filter(({ namespace, agentUid, epoch, seq, eventId }) =>
    orders.has(JSON.stringify([namespace, agentUid, epoch, seq, eventId])),
  );
};

/** Creates the questions over a client that only reads. */
export const createLedgerRows = (client: Pick<ReadClient, "read">): LedgerRows => {
  const read = readerOf(client);
  return {
    storedBetween: async (from, to, signal) => {
      const params = { from: String(from), to: String(to) };
      return (await read<Row>(statements.storedBetween, params, signal)).map(statements.rowOf);
    },
    dueBehind: async (due, signal) =>
      (await read<Row>(statements.dueBehind, dueParams(due), signal)).map(statements.rowOf),
    replaced: (rows, signal) => inSlices(rows, (slice) => readReplaced(read, slice, signal)),
    ofFrames: async (frames, signal) => {
      const all: RecordRow[] = [];
      for (const chain of byChain(frames)) all.push(...(await readChain(read, chain, signal)));
      return all;
    },
    before: (frames, signal) => inSlices(frames, (slice) => readBefore(read, slice, signal)),
    ordered: (frames, signal) => inSlices(frames, (slice) => readOrdered(read, slice, signal)),
    which: async (frames, signal) => {
      const there = new Set<string>();
      for (const chain of byChain(frames)) for (const key of await readWhich(read, chain, signal)) there.add(key);
      return frames.map(({ namespace, agentUid, epoch, seq, eventId }) =>
        there.has(JSON.stringify([namespace, agentUid, epoch, seq, eventId])),
      );
    },
  };
};
