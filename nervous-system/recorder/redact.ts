import { isHash } from "#nervous-system/schemas/chain.ts";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { isUuid, stableId } from "#nervous-system/schemas/ids.ts";
import { createOwnRules } from "./redact-own-rules.ts";
import { withoutSecrets, type Replace } from "./redact-walk.ts";
import { builtInRules, formRules, mayHoldSecret, type BuiltInRule, type RedactionRule } from "./redaction-rules.ts";
import { replaceValues } from "./redact-values.ts";
import type { SecretValue } from "./secret-values.ts";

const BEGIN_KEY = /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g;
const END_KEY = /-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g;
// A mention in code or prose has no key behind it; a key has, after some headers.
const KEY_MATERIAL = /[A-Za-z0-9+/=]{24}/;
const MATERIAL_WITHIN = 256;

/** Where the key that begins before `from` ends: one without an end was cut off, so all that follows may be key. */
const endOfKey = (text: string, from: number): number => {
  END_KEY.lastIndex = from;
  return END_KEY.exec(text) === null ? text.length : END_KEY.lastIndex;
};

/** Replaces private keys in PEM and PGP armour, whole or cut off, by `marker`. */
const replacePrivateKeys = (text: string, marker: string): string => {
  let out = "";
  let done = 0;
  BEGIN_KEY.lastIndex = 0;
  for (let found = BEGIN_KEY.exec(text); found !== null; found = BEGIN_KEY.exec(text)) {
    const behind = BEGIN_KEY.lastIndex;
    if (!KEY_MATERIAL.test(text.slice(behind, behind + MATERIAL_WITHIN))) continue;
    out += text.slice(done, found.index) + marker;
    done = endOfKey(text, behind);
    BEGIN_KEY.lastIndex = done;
  }
  return out + text.slice(done);
};

/** Takes secrets out of frames before they are written. */
export type Redactor = {
  /** The frame without what the rules find; `withheld` says whether anything is, or was, taken out. A frame without secrets comes back itself. */
  redact(frame: ProducedFrame): { frame: ProducedFrame; withheld: boolean };
  /** An event id, itself where it holds no secret; else another in its place, the same for the same: what it names, or is sent again, is still known by it. */
  redactId(id: string): string;
};

const MAX_STAMP_CHARS = 128;
const AHEAD_CHARS = 200;

const replaceBuiltIn = ({ name, pattern, hint, isInnocent }: BuiltInRule): Replace => {
  const marker = `[redacted:${name}]`;
  const replaceAll: Replace = (text) =>
    text.replace(pattern, (found: string, ...rest: unknown[]) => {
      const before = typeof rest[0] === "string" ? rest[0] : "";
      const at = rest.find((part) => typeof part === "number") ?? 0;
      const next = text[at + found.length] ?? "";
      const around = { before, next, ahead: () => text.slice(Math.max(0, at - AHEAD_CHARS), at) };
      return isInnocent?.(found.slice(before.length), around) === true ? found : before + marker;
    });
  if (hint === undefined) return replaceAll;
  const isPossible =
    typeof hint === "string" ? (text: string) => text.includes(hint) : (text: string) => hint.test(text);
  return (text) => (isPossible(text) ? replaceAll(text) : text);
};

const withoutPrivateKeys: Replace = (text) => replacePrivateKeys(text, "[redacted:private-key]");

const general: readonly Replace[] = [withoutPrivateKeys, ...builtInRules.map(replaceBuiltIn)];
const replaceGeneral: Replace = (text) =>
  mayHoldSecret(text) ? general.reduce((kept, replace) => replace(kept), text) : text;

const knownForms = [
  { name: "private-key", replace: withoutPrivateKeys },
  ...formRules.map((rule) => ({ name: rule.name, replace: replaceBuiltIn(rule) })),
];

/**
 * The kind of secret, if any, that a text holds in a form that only such a secret has. What is told by the words around it may be
 * an example, as tests and manuals are full of: to hide it costs little, to refuse work for it costs the work.
 */
export const knownSecretIn = (text: string): string | undefined =>
  mayHoldSecret(text) ? knownForms.find(({ replace }) => replace(text) !== text)?.name : undefined;

/** What stands in the place of a stamp, which programs in JavaScript make anything. */
const cleanStamp = (given: unknown, replace: Replace): string | undefined => {
  if (typeof given !== "string") return undefined;
  const kept = replace(given);
  return kept === given ? undefined : kept.slice(0, MAX_STAMP_CHARS).toWellFormed();
};

/** The frame with its producer's stamps without secrets; itself where they hold none. */
const withStamps = (frame: ProducedFrame, replace: Replace, redactId: Replace): ProducedFrame => {
  const eventId = cleanStamp(frame.event_id, redactId);
  const agentId = cleanStamp(frame.agent_id, replace);
  const commit = cleanStamp(frame.related_commit_hash, replace);
  if (eventId === undefined && agentId === undefined && commit === undefined) return frame;
  return {
    ...frame,
    ...(eventId === undefined ? {} : { event_id: eventId }),
    ...(agentId === undefined ? {} : { agent_id: agentId }),
    ...(commit === undefined ? {} : { related_commit_hash: commit }),
  };
};

/**
 * Creates a redactor of the built-in rules, those given, and values that are secrets in whatever form they are written;
 * throws `RedactionRuleError` for a rule that cannot be used.
 */
export const createRedactor = (rules: readonly RedactionRule[], values: readonly SecretValue[] = []): Redactor => {
  const own = createOwnRules(rules);
  const known = replaceValues(values);
  // Values first: of one that a rule finds a part of, the rest would stay.
  const replace: Replace = (text) => own(replaceGeneral(known(text)));
  // What computes ids makes these two: nobody's rule is meant for them.
  const redactId = (id: string): string =>
    isUuid(id) || isHash(id) || replace(id) === id ? id : stableId("withheld", id);
  return {
    redact: (given) => {
      const { value: payload, withheld } = withoutSecrets(given.payload, replace);
      const frame = withStamps(given, replace, redactId);
      if (payload === given.payload) return { frame, withheld: withheld || frame !== given };
      const isPatch = given.event_type === "STATE_CHANGE" && payload["patch"] !== given.payload["patch"];
      return { frame: { ...frame, payload: isPatch ? { ...payload, withheld: true } : payload }, withheld: true };
    },
    redactId,
  };
};
