import { KEY_DIGITS } from "#pipeline/siphon/erased-frames.ts";
import type { LedgerRow } from "#pipeline/siphon/ledger/row.ts";

/** Database of everything that is ours. */
const database = "enchanted";

/** The table of all frames. */
export const framesTable = `${database}.context_frames`;

/** The same table in its next shape, while it is brought there: see `beginReshape`. */
export const nextTable = `${database}.context_frames_next`;

/** The cuts that sinks began, a few of them: see `slotOf`. */
export const cutsTable = `${database}.cuts`;

/** Keys of the frames that were erased: see `ErasedKeys`. */
export const erasedTable = `${database}.erased`;

const time = "DateTime64(9, 'UTC') CODEC(Delta, ZSTD)";
// Of few values in all of the ledger; of agents and missions there are ever more, and a dictionary of them costs more than they do.
const name = "LowCardinality(String)";
const text = "String CODEC(ZSTD)";

/** Every column and its type; a new column is a line here and is added to a table that exists (`ensureSchema`). */
export const columns: { readonly [C in keyof LedgerRow]: string } = {
  agent_uid: text,
  epoch: "UInt32",
  seq: "UInt64 CODEC(Delta, ZSTD)",
  event_id: text,
  mission_uid: text,
  mission: text,
  namespace: name,
  lineage: "UInt32",
  producer: name,
  recorder: name,
  event_type: name,
  persona: name,
  persona_digest: name,
  observed: time,
  day: "Date",
  trace_id: text,
  span_id: text,
  parent_event_id: text,
  about_agent_uid: text,
  about_epoch: "UInt32",
  flags: "Array(LowCardinality(String))",
  stream_seq: "UInt64 CODEC(Delta, ZSTD)",
  stored: time,
  timestamp: time,
  agent_id: text,
  related_commit_hash: text,
  text: text,
  subject: text,
  from_agent: text,
  to_agent: text,
  channel: name,
  file: text,
  change: name,
  lines_added: "UInt32",
  lines_removed: "UInt32",
  tool: name,
  ok: "UInt8",
  model: name,
  input_tokens: "UInt32",
  output_tokens: "UInt32",
  duration_ms: "UInt32",
  state: text,
  frame: "String CODEC(ZSTD(3))",
  envelope: "String CODEC(ZSTD(3))",
  prev_hash: text,
  hash: text,
  principal: text,
};

/** Durable before it is acknowledged. */
const durable = "fsync_after_insert = 1, fsync_part_directory = 1";

// Of a frame that was stored again, in a stream made anew, the row that the stream stored last stays, in whatever order the
// rows come: an insert of a sink that was killed may arrive behind those of the next one.
/** What rows are sorted by; their key, too. As ClickHouse tells it of a table. */
export const sortingKey = "namespace, day, mission_uid, agent_uid, epoch, seq, event_id";

/** `dayOf` of `row.ts`, of a row that stands in a table without it. */
export const dayOfRow =
  "if(seq > 0 AND toYear(observed) BETWEEN 2020 AND 2099, toDate(observed), toDate('1970-01-01')) AS day";

// What a question names and the order does not lead to. Each costs a batch its files and its flushes.
const indexed = ["agent_uid", "mission", "file"] as const;

/** The index that leads to rows by when they were stored, as the auditor walks over all of them: it costs a granule 16 bytes. */
export const storedIndex = { name: "by_stored", definition: "stored TYPE minmax GRANULARITY 1" } as const;

/**
 * The statement that makes a table of frames. A question is about a namespace and mostly about a time or a mission, so that few
 * granules hold its answer: ADR 0025 has the figures.
 */
export const createFrames = (table: string): string => `
CREATE TABLE IF NOT EXISTS ${table} (
${Object.entries(columns)
  .map(([column, type]) => `  ${column} ${type},`)
  .join("\n")}
${indexed.map((column) => `  INDEX by_${column} ${column} TYPE bloom_filter(0.01) GRANULARITY 1`).join(",\n")},
  INDEX ${storedIndex.name} ${storedIndex.definition}
)
ENGINE = ReplacingMergeTree(stored)
PARTITION BY toYYYYMM(day)
ORDER BY (${sortingKey})
SETTINGS ${durable}, non_replicated_deduplication_window = 10000,
  min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1`;

/** The statement that makes the table of cuts. Of the rows of one sink and slot the one that was begun last stays, wherever in whichever stream it ends. */
export const createCuts = `
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

/** The statement that makes the table of erased frames' keys. */
export const createErased = `
CREATE TABLE IF NOT EXISTS ${erasedTable} (key FixedString(${KEY_DIGITS}))
ENGINE = ReplacingMergeTree
ORDER BY key
SETTINGS ${durable}`;

type View = { readonly name: string; readonly select: string };

const view = (viewName: string, eventType: string, selected: string): View => ({
  name: `${database}.${viewName}`,
  select: `
SELECT namespace, mission, mission_uid, agent_id, agent_uid, epoch, seq, stream_seq, observed, event_id, ${selected}
FROM ${framesTable} FINAL
WHERE event_type = '${eventType}'
SETTINGS do_not_merge_across_partitions_select_final = 1`,
});

/** Views for people, who would else have to know which column holds what. */
export const views: readonly View[] = [
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

/** Creates the database, which comes first. */
export const createDatabase = `CREATE DATABASE IF NOT EXISTS ${database}`;
