import { neverErased } from "#nervous-system/schemas/erased.ts";
import { framesTable } from "#pipeline/siphon/ledger/tables.ts";

// Everything here is put together once, of constants: what somebody asks for is bound to `{name:Type}` by ClickHouse.

/**
 * What tells the frames of a namespace apart; two rows of one key are the same frame, stored in a stream that was made anew.
 * As the table is sorted, so that what is looked up by it is found without reading the rest.
 */
export const keyColumns = ["day", "mission_uid", "agent_uid", "epoch", "seq", "event_id"] as const;

/** The same as they are selected. */
export const key = keyColumns.join(", ");

/** The namespace's frames that a condition holds for. A frame that was stored twice comes twice until its parts are merged. */
export const framesWhere = (columns: string, condition: string): string =>
  `SELECT ${columns} FROM ${framesTable} WHERE namespace = {namespace:String} AND ${condition}`;

/** The same, each frame once, as the stream stored it last. FINAL would read all of the table in the order of its key. */
export const eachFrameWhere = (columns: string, condition: string): string =>
  `${framesWhere(columns, condition)} ORDER BY stored DESC LIMIT 1 BY ${key}`;

/** What is listed: columns, which frames, and in which order. */
type Listing = { readonly columns: string; readonly where: string; readonly order: string };

/**
 * The first `{limit}` frames in an order. They are found by narrow columns alone; what is wide is read of those that are answered.
 */
export const listFrames = ({ columns, where, order }: Listing): string => `
WITH chosen AS (
  SELECT ${key}, stored FROM (${eachFrameWhere(`${key}, stored, observed, stream_seq`, where)})
  ORDER BY ${order} LIMIT {limit:UInt32}
)
${framesWhere(columns, `(${key}, stored) IN (SELECT ${key}, stored FROM chosen)`)}
ORDER BY ${order} LIMIT 1 BY ${key}`;

const kept = neverErased.map((type) => `'${type}'`).join(", ");

/**
 * Words of a frame as people read them; an erased one has none, and says so. Every recorder stamps `agent_id`, which goes with the
 * words: the frame itself, which would tell as well, is too wide to be read for it.
 */
export const wordsOf = (column: "text" | "state"): string => {
  const words = `context_frames.${column}`;
  return `if(agent_id = '' AND ${words} = '' AND event_type NOT IN (${kept}), '(erased)', ${words})`;
};

/** The frames of a mission, of every one without a name. */
export const ofMission = "({mission:String} = '' OR mission = {mission:String})";

/** The frames of an agent by name or UID, of every one without. */
export const ofAgent = "({agent:String} = '' OR agent_id = {agent:String} OR agent_uid = {agent:String})";

// Of frames without a day any may be meant. A Date ends in 2149, and no frame has a day of the year 2100.
const days = `(day BETWEEN toDate({from:DateTime64(9, 'UTC')}) AND
  toDate(least({to:DateTime64(9, 'UTC')}, toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))) OR day = toDate('1970-01-01'))`;

/** The frames of agents that work as a persona, by its name or by the digest of its prompt, of every one without. */
export const ofPersona = "({persona:String} = '' OR persona = {persona:String} OR persona_digest = {persona:String})";

/** The frames of a part of time; the days lead to where they are. */
export const inPeriod = `observed >= {from:DateTime64(9, 'UTC')} AND observed < {to:DateTime64(9, 'UTC')} AND ${days}`;

/** The frames in whose columns every word of `about` stands, in either case of letters. */
export const aboutIn = (...columns: readonly string[]): string => {
  const anywhere = columns.map((column) => `positionCaseInsensitiveUTF8(${column}, word) > 0`).join(" OR ");
  return `(empty({about:Array(String)}) OR arrayAll(word -> ${anywhere}, {about:Array(String)}))`;
};
