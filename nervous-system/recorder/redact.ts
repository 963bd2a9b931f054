import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { isExactNumber } from "./exact-json.ts";
import { createOwnRules } from "./redact-own-rules.ts";
import { builtInRules, mayHoldSecret, type BuiltInRule, type RedactionRule } from "./redaction-rules.ts";

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
};

type Replace = (text: string) => string;

const replaceBuiltIn = ({ name, pattern, hint, isInnocent }: BuiltInRule): Replace => {
  const marker = `[redacted:${name}]`;
  const replaceAll: Replace = (text) =>
    text.replace(pattern, (found: string, ...rest: unknown[]) => {
      const before = typeof rest[0] === "string" ? rest[0] : "";
      const at = rest.find((part) => typeof part === "number") ?? 0;
      const next = text[at + found.length] ?? "";
      return isInnocent?.(found.slice(before.length), next) === true ? found : before + marker;
    });
  if (hint === undefined) return replaceAll;
  const isPossible =
    typeof hint === "string" ? (text: string) => text.includes(hint) : (text: string) => hint.test(text);
  return (text) => (isPossible(text) ? replaceAll(text) : text);
};

const general: readonly Replace[] = [
  (text) => replacePrivateKeys(text, "[redacted:private-key]"),
  ...builtInRules.map(replaceBuiltIn),
];
const replaceGeneral: Replace = (text) =>
  mayHoldSecret(text) ? general.reduce((kept, replace) => replace(kept), text) : text;

/**
 * Two secrets were two names, so what is left of them is made two again: `a`, `a'`, `a'2`, … Numbers, and each tried once:
 * a frame has room for twenty thousand names that come to one.
 */
const namesBeside = (isTaken: (name: string) => boolean): ((bare: string) => string) => {
  const tried = new Map<string, number>();
  return (bare) => {
    let name = bare;
    let count = tried.get(bare) ?? 0;
    while (isTaken(name)) name = `${bare}'${(count += 1) === 1 ? "" : count}`;
    tried.set(bare, count);
    return name;
  };
};

/** What one walk through a payload comes to. */
class Walk {
  /** Whether anything was replaced, now or by whoever redacted the frame before. */
  withheld = false;
  private readonly replace: Replace;

  constructor(replace: Replace) {
    this.replace = replace;
  }

  /** The value without secrets; objects and lists that hold none come back themselves. */
  value(given: unknown): unknown {
    if (typeof given === "string") return this.text(given);
    if (typeof given !== "object" || given === null || isExactNumber(given)) return given;
    return Array.isArray(given) ? this.list(given) : this.members(given as Record<string, unknown>);
  }

  private text(given: string): string {
    const kept = this.replace(given);
    this.withheld ||= kept !== given || given.includes("[redacted:");
    return kept;
  }

  private list(given: readonly unknown[]): readonly unknown[] {
    const items = given.map((item) => this.value(item));
    return items.some((item, at) => item !== given[at]) ? items : given;
  }

  private members(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
    let isChanged = false;
    const kept = new Map<string, unknown>();
    const freeName = namesBeside((name) => kept.has(name) || Object.hasOwn(given, name));
    for (const [name, inner] of Object.entries(given)) {
      const bare = this.text(name);
      const newName = bare === name ? name : freeName(bare);
      const newInner = this.value(inner);
      isChanged ||= newName !== name || newInner !== inner;
      kept.set(newName, newInner);
    }
    return isChanged ? Object.fromEntries(kept) : given;
  }
}

/** Creates a redactor of the built-in rules and those given; throws `RedactionRuleError` for a rule that cannot be used. */
export const createRedactor = (rules: readonly RedactionRule[]): Redactor => {
  const own = createOwnRules(rules);
  const replace: Replace = (text) => own(replaceGeneral(text));
  return {
    redact: (frame) => {
      const walk = new Walk(replace);
      const payload = walk.value(frame.payload) as ProducedFrame["payload"];
      if (payload === frame.payload) return { frame, withheld: walk.withheld };
      const isPatch = frame.event_type === "STATE_CHANGE" && payload["patch"] !== frame.payload["patch"];
      return { frame: { ...frame, payload: isPatch ? { ...payload, withheld: true } : payload }, withheld: true };
    },
  };
};
