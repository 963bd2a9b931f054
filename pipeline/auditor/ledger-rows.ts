import type { ReadClient } from "#nervous-system/stores/clickhouse/read-client.ts";
import type { ChainEnd } from "#pipeline/auditor/compare-chains.ts";
import type { LedgerRow, StreamRange } from "#pipeline/auditor/compare-ledger.ts";
import * as statements from "#pipeline/auditor/ledger-statements.ts";
import { chainOf, keyOf, type RecordRow } from "#pipeline/auditor/record-row.ts";

/** What the auditor asks the ledger. Everything rejects with `ClickHouseFailure`, and when the signal aborts. */
export type LedgerRows = {
  /** Every version of the rows that stand in a range of a stream, on these days, or on any without them; 50,000 at most. */
  inRange(range: StreamRange, days: readonly string[] | undefined, signal: AbortSignal): Promise<LedgerRow[]>;
  /** Every version of the rows of frames, wherever they stand. */
  ofFrames(frames: readonly RecordRow[], signal: AbortSignal): Promise<LedgerRow[]>;
  /** The frame before each of these in its chain; of a place that is empty the last one before it. */
  before(frames: readonly RecordRow[], signal: AbortSignal): Promise<ChainEnd[]>;
  /** Of each of these frames whether it has a row. */
  which(frames: readonly FrameKey[], signal: AbortSignal): Promise<boolean[]>;
};

/** The key of a frame. */
type FrameKey = Pick<RecordRow, "agentUid" | "epoch" | "seq" | "eventId">;

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

const readChain = async (read: Read, frames: readonly RecordRow[], signal: AbortSignal): Promise<LedgerRow[]> => {
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
  const agents = frames.map(({ agentUid }) => agentUid);
  const [epochs, seqs] = [frames.map(({ epoch }) => epoch), frames.map(({ seq }) => seq - 1)];
  const found = (await read<Row>(statements.beforeThese, { agents, epochs, seqs }, signal)).map(statements.endOf);
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
  return found.map((row) => JSON.stringify([row.agent_uid, row.epoch, row.seq, row.event_id]));
};

/** Creates the questions over a client that only reads. */
export const createLedgerRows = (client: Pick<ReadClient, "read">): LedgerRows => {
  const read = readerOf(client);
  return {
    inRange: async ({ from, to, storedFromNs, storedToNs }, days, signal) => {
      const stored = { storedFrom: String(storedFromNs), storedTo: String(storedToNs) };
      const params = { from, to, ...stored, ...(days === undefined ? {} : { days }) };
      const query = statements.inRange(days === undefined ? "" : "day IN {days:Array(Date)} AND");
      return (await read<Row>(query, params, signal)).map(statements.rowOf);
    },
    ofFrames: async (frames, signal) => {
      const all: LedgerRow[] = [];
      for (const chain of byChain(frames)) all.push(...(await readChain(read, chain, signal)));
      return all;
    },
    before: (frames, signal) => inSlices(frames, (slice) => readBefore(read, slice, signal)),
    which: async (frames, signal) => {
      const there = new Set<string>();
      for (const chain of byChain(frames)) for (const key of await readWhich(read, chain, signal)) there.add(key);
      return frames.map((frame) => there.has(keyOf(frame)));
    },
  };
};
