import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { isDeeperThan } from "#nervous-system/kernel/nesting.ts";
import { catalog, isFrameType } from "#nervous-system/schemas/frames/catalog.ts";
import { frameTypePattern } from "#nervous-system/schemas/frames/define-frame.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/frame-limits.ts";
import { frameMembers } from "#nervous-system/schemas/frames/frame-members.ts";

export { maxFrameBytes };

/** The producer's part of a frame: the five fields of the brief, and whatever else belongs to its type in `payload`. */
export type ProducedFrame = {
  /** Unique, 1..128 characters; stamped by the recorder when missing. */
  event_id?: string;
  /** When the producer says it happened, RFC 3339 up to nanoseconds; stamped when missing. */
  timestamp?: string;
  /** Name of the agent; stamped when missing. */
  agent_id?: string;
  event_type: string;
  related_commit_hash?: string;
  payload: Record<string, unknown>;
};

/** A frame that was read, with what is remarkable about it; or the reason why it is none. */
export type ParseResult =
  | {
      ok: true;
      frame: ProducedFrame;
      parentEventId?: string;
      flags: Array<"payload_invalid" | "unknown_type">;
    }
  | { ok: false; reason: string };

// Levels of lists and objects; readers in other languages end at a few hundred, some by crashing.
/** Most levels of lists and objects in a frame. */
export const maxNesting = 100;

/** Names that other writers use for the same member. */
const aliases: ReadonlyArray<readonly [string, string]> = [["rationale", "reasoning"]];

const withAliases = (payload: Record<string, unknown>): Record<string, unknown> => {
  const out = { ...payload };
  for (const [alias, name] of aliases) {
    if (!(alias in out) || name in out) continue;
    out[name] = out[alias];
    delete out[alias];
  }
  return out;
};

const stampNames = ["event_id", "timestamp", "agent_id", "related_commit_hash", "parent_event_id"] as const;
const names: ReadonlySet<string> = new Set([...stampNames, "event_type", "event"]);

/** Whether a member says no more than one that is missing: a name of ours that is null or empty. */
export const saysNothing = (name: string, member: unknown): boolean =>
  names.has(name) && (member === null || member === "");

/** What is left of a frame's members becomes part of its payload: nothing that was said is lost. */
const payloadOf = (
  value: Record<string, unknown>,
  taken: Readonly<Record<string, unknown>>,
): Record<string, unknown> => {
  const others = Object.entries(value).filter(
    ([key, member]) => key !== "payload" && !Object.hasOwn(taken, key) && !saysNothing(key, member),
  );
  const given = value["payload"];
  const inner = isJsonObject(given) ? given : given === undefined ? {} : { value: given };
  return withAliases({ ...Object.fromEntries(others), ...inner });
};

const dateTime = frameMembers.shape.timestamp;
// Half a surrogate pair has no place in an envelope's RFC 8785 text.
const shortText = (value: unknown): string | undefined =>
  typeof value === "string" && value.length >= 1 && value.length <= 128 && value.isWellFormed() ? value : undefined;

const timestampOf = (value: unknown): string | undefined => {
  const parsed = dateTime.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

type Stamps = { [K in (typeof stampNames)[number]]?: string };

/** The members that a producer may stamp itself, where they are what they should be. */
const stampsOf = (value: Record<string, unknown>): Stamps => {
  const stamps: Stamps = {};
  for (const name of stampNames) {
    const given = value[name];
    const text = given === undefined ? undefined : name === "timestamp" ? timestampOf(given) : shortText(given);
    if (text !== undefined) stamps[name] = text;
  }
  return stamps;
};

const flagsOf = (type: string, payload: Record<string, unknown>): Array<"payload_invalid" | "unknown_type"> => {
  if (!isFrameType(type)) return ["unknown_type"];
  return catalog[type].payload.safeParse(payload).success ? [] : ["payload_invalid"];
};

/**
 * Reads what a producer wrote. Only the event type is required. Unknown members move into the payload, and so do those that
 * are not what their name asks for, such as a `timestamp` that is none; a payload that lacks its type's fields is kept and
 * flagged. Stamps such as `seq` or `hash` in the input are a producer's words, so they land in the payload too.
 */
export const parseFrame = (value: unknown): ParseResult => {
  if (!isJsonObject(value)) return { ok: false, reason: "a frame is a JSON object" };
  const type = value["event_type"] ?? value["event"];
  if (typeof type !== "string") return { ok: false, reason: 'a frame names its "event_type"' };
  if (!frameTypePattern.test(type))
    return {
      ok: false,
      reason: `event_type ${JSON.stringify(type.slice(0, 80))} is not UPPER_SNAKE of at most 64 characters`,
    };
  if (isDeeperThan(value, maxNesting))
    return { ok: false, reason: `the frame is nested deeper than ${maxNesting} levels` };
  const stamps = stampsOf(value);
  const payload = payloadOf(value, { ...stamps, [type === value["event_type"] ? "event_type" : "event"]: type });
  const { parent_event_id: parentEventId, ...own } = stamps;
  return {
    ok: true,
    frame: { ...own, event_type: type, payload },
    ...(parentEventId === undefined ? {} : { parentEventId }),
    flags: flagsOf(type, payload),
  };
};
