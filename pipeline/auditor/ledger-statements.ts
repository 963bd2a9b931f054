import type { ChainEnd } from "#pipeline/auditor/compare-chains.ts";
import { dueCondition } from "#pipeline/auditor/due.ts";
import type { RecordRow } from "#pipeline/auditor/record-row.ts";
import { columnsDigestInLedger } from "#pipeline/auditor/row-columns.ts";
import { framesTable, sortingKey } from "#pipeline/siphon/ledger/tables.ts";

// What is wide is digested where it lies: of a row some 500 bytes come here, whatever somebody wrote into it.
const columns = `namespace, toString(day) AS on_day, mission_uid, agent_uid, epoch, seq, event_id, event_type, stream_seq,
  toString(toUnixTimestamp64Nano(stored)) AS stored_ns, prev_hash, hash,
  lower(hex(SHA256(envelope))) AS envelope_digest, lower(hex(SHA256(frame))) AS frame_digest,
  ${columnsDigestInLedger} AS columns_digest`;

const MAX_ROWS = 50_000;

// Found by narrow columns, and looked up by the key as the table is sorted: FINAL would read it whole.
const rowsWhere = (condition: string): string => `
WITH found AS (SELECT DISTINCT ${sortingKey} FROM ${framesTable} WHERE ${condition} LIMIT ${MAX_ROWS})
SELECT ${columns} FROM ${framesTable} WHERE (${sortingKey}) IN (SELECT ${sortingKey} FROM found) LIMIT ${MAX_ROWS}`;

/** Rows that say that they were stored in a time, wherever they stand. */
export const storedBetween = rowsWhere(
  "stored BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})",
);

/** Rows behind the archive's end that it must have nevertheless. */
export const dueBehind = rowsWhere(dueCondition);

/** Rows of a part of one chain; of no chain, those of some events. */
export const ofChain = `SELECT ${columns} FROM ${framesTable}
WHERE agent_uid = {agent:String} AND epoch = {epoch:UInt32} AND seq BETWEEN {from:UInt64} AND {to:UInt64}
  AND (seq > 0 OR event_id IN {events:Array(String)}) LIMIT ${MAX_ROWS}`;

/** Frames by chain and seq, as three lists of one length. */
export const beforeThese = `SELECT DISTINCT agent_uid, epoch, seq, hash FROM ${framesTable}
WHERE agent_uid IN {agents:Array(String)} AND (agent_uid, epoch, seq) IN (
  SELECT one.1, one.2, one.3
  FROM (SELECT arrayJoin(arrayZip({agents:Array(String)}, {epochs:Array(UInt32)}, {seqs:Array(UInt64)})) AS one)
)`;

/** Keys of frames of one chain; of no chain, those of some events. */
export const whichOfChain = `SELECT DISTINCT namespace, agent_uid, epoch, seq, event_id FROM ${framesTable}
WHERE agent_uid = {agent:String} AND epoch = {epoch:UInt32} AND seq IN {seqs:Array(UInt64)}
  AND (seq > 0 OR event_id IN {events:Array(String)})`;

/** What stands at places of chains, given as `beforeThese` takes them. */
export const standingAt = `SELECT DISTINCT agent_uid, epoch, seq, event_id, event_type, hash,
  toString(toUnixTimestamp64Nano(stored)) AS stored_ns
FROM ${framesTable}
WHERE agent_uid IN {agents:Array(String)} AND (agent_uid, epoch, seq) IN (
  SELECT one.1, one.2, one.3
  FROM (SELECT arrayJoin(arrayZip({agents:Array(String)}, {epochs:Array(UInt32)}, {seqs:Array(UInt64)})) AS one)
) LIMIT ${MAX_ROWS}`;

/** Orders to erase what some events say: a few lists, since parameters travel in a URL. */
export const ordersFor = `SELECT DISTINCT namespace, about_agent_uid AS agent_uid, about_epoch AS epoch,
  JSONExtractUInt(frame, 'payload', 'seq') AS seq, subject AS event_id
FROM ${framesTable}
WHERE event_type = 'ERASURE' AND producer = 'collector' AND about_agent_uid IN {agents:Array(String)}
  AND subject IN {events:Array(String)} LIMIT ${MAX_ROWS}`;

/** The last frame of a chain before a seq. */
export const lastBefore = `SELECT agent_uid, epoch, seq, hash FROM ${framesTable}
WHERE agent_uid = {agent:String} AND epoch = {epoch:UInt32} AND seq < {seq:UInt64} ORDER BY seq DESC LIMIT 1`;

/** A row as these statements answer it; a part of it where they ask for less. */
export type Row = Readonly<
  Record<"namespace" | "on_day" | "mission_uid" | "agent_uid" | "event_id" | "event_type", string>
> &
  Readonly<Record<"stored_ns" | "prev_hash" | "hash" | "envelope_digest" | "frame_digest" | "columns_digest", string>> &
  Readonly<Record<"epoch" | "seq" | "stream_seq", number>>;

/** Reads a row. */
export const rowOf = (row: Row): RecordRow => ({
  namespace: row.namespace,
  day: row.on_day,
  missionUid: row.mission_uid,
  agentUid: row.agent_uid,
  epoch: row.epoch,
  seq: row.seq,
  eventId: row.event_id,
  eventType: row.event_type,
  place: row.stream_seq,
  storedNs: BigInt(row.stored_ns),
  prevHash: row.prev_hash,
  hash: row.hash,
  envelope: row.envelope_digest,
  frame: row.frame_digest,
  columns: row.columns_digest,
});

/** Reads the end of a part of a chain. */
export const endOf = ({
  agent_uid: agentUid,
  epoch,
  seq,
  hash,
}: Pick<Row, "agent_uid" | "epoch" | "seq" | "hash">): ChainEnd => ({
  agentUid,
  epoch,
  seq,
  hash,
});
