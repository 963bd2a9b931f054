import type { LedgerRow } from "#pipeline/siphon/ledger/row.ts";

/** Database of everything that is ours. */
const database = "enchanted";

/** The table of all frames. */
export const framesTable = `${database}.context_frames`;

/** The cuts that sinks began, a few of them: see `slotOf`. */
export const cutsTable = `${database}.cuts`;

const time = "DateTime64(9, 'UTC') CODEC(Delta, ZSTD)";
const name = "LowCardinality(String)";

/** Every column and its type; a new column is a line here and is added to a table that exists. */
export const columns: { readonly [C in keyof LedgerRow]: string } = {
  agent_uid: name,
  epoch: "UInt32",
  seq: "UInt64 CODEC(Delta, ZSTD)",
  event_id: "String CODEC(ZSTD)",
  mission_uid: name,
  mission: name,
  namespace: name,
  lineage: "UInt32",
  producer: name,
  recorder: name,
  event_type: name,
  persona: name,
  observed: time,
  trace_id: "String CODEC(ZSTD)",
  span_id: "String CODEC(ZSTD)",
  parent_event_id: "String CODEC(ZSTD)",
  about_agent_uid: name,
  about_epoch: "UInt32",
  flags: "Array(LowCardinality(String))",
  stream_seq: "UInt64 CODEC(Delta, ZSTD)",
  stored: time,
  timestamp: time,
  agent_id: name,
  related_commit_hash: "String CODEC(ZSTD)",
  text: "String CODEC(ZSTD)",
  subject: "String CODEC(ZSTD)",
  from_agent: name,
  to_agent: name,
  channel: name,
  file: "String CODEC(ZSTD)",
  change: name,
  lines_added: "UInt32",
  lines_removed: "UInt32",
  tool: name,
  ok: "UInt8",
  model: name,
  input_tokens: "UInt32",
  output_tokens: "UInt32",
  duration_ms: "UInt32",
  state: "String CODEC(ZSTD)",
  frame: "String CODEC(ZSTD(3))",
  envelope: "String CODEC(ZSTD(3))",
  prev_hash: "String CODEC(ZSTD)",
  hash: "String CODEC(ZSTD)",
  principal: name,
};

/** Durable before it is acknowledged. */
const durable = "fsync_after_insert = 1, fsync_part_directory = 1";

// Of a frame that was stored again, in a stream made anew, the row that the stream stored last stays, in whatever order the
// rows come: an insert of a sink that was killed may arrive behind those of the next one.
const createFrames = `
CREATE TABLE IF NOT EXISTS ${framesTable} (
${Object.entries(columns)
  .map(([column, type]) => `  ${column} ${type},`)
  .join("\n")}
  PROJECTION by_mission (SELECT * ORDER BY namespace, mission, stream_seq)
)
ENGINE = ReplacingMergeTree(stored)
ORDER BY (agent_uid, epoch, seq, event_id)
SETTINGS ${durable}, deduplicate_merge_projection_mode = 'rebuild', non_replicated_deduplication_window = 10000`;

// Of the rows of one sink and slot the one that was begun last stays, wherever in whichever stream it ends.
const createCuts = `
CREATE TABLE IF NOT EXISTS ${cutsTable} (
  sink LowCardinality(String),
  slot UInt8,
  number UInt64,
  stream String,
  first_place UInt64,
  last_place UInt64,
  hash String
)
ENGINE = ReplacingMergeTree(number)
ORDER BY (sink, slot)
SETTINGS ${durable}`;

const view = (viewName: string, eventType: string, selected: string): string => `
CREATE OR REPLACE VIEW ${database}.${viewName} AS
SELECT namespace, mission, mission_uid, agent_id, agent_uid, epoch, seq, stream_seq, observed, event_id, ${selected}
FROM ${framesTable} FINAL
WHERE event_type = '${eventType}'`;

const views = [
  view("conversations", "MESSAGE", "from_agent, to_agent, channel, subject, text"),
  view(
    "decisions",
    "DECISION_RATIONALE",
    `text AS reasoning, state AS selected_strategy,
  JSONExtract(frame, 'payload', 'rejected_alternatives', 'Array(String)') AS rejected_alternatives,
  JSONExtract(frame, 'payload', 'confidence_score', 'Nullable(Float64)') AS confidence_score, related_commit_hash`,
  ),
  view(
    "file_changes",
    "STATE_CHANGE",
    `file, change, lines_added, lines_removed, tool AS observed_by,
  JSONExtractString(frame, 'payload', 'old_state_hash') AS old_state_hash,
  JSONExtractString(frame, 'payload', 'new_state_hash') AS new_state_hash, related_commit_hash`,
  ),
];

const addColumns = `ALTER TABLE ${framesTable}
${Object.entries(columns)
  .map(([column, type]) => `  ADD COLUMN IF NOT EXISTS ${column} ${type}`)
  .join(",\n")}`;

/** Creates the database, which comes first. */
export const createDatabase = `CREATE DATABASE IF NOT EXISTS ${database}`;

/** Statements that create the ledger in it, or bring an older one up to date; running them again changes nothing. */
export const migrations: readonly string[] = [createFrames, addColumns, createCuts, ...views];
