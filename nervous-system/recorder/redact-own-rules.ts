import { RE2JS, RE2Set } from "re2js";
import type { RedactionRule } from "./redaction-rules.ts";

/** Bounds of the rules that people write. */
const maxRules = 20;
/** Characters of one pattern. */
export const maxPatternChars = 256;

/** A rule that cannot be used; the message says which and why. */
export class RedactionRuleError extends Error {
  override readonly name = "RedactionRuleError";
}

type OwnRule = { readonly marker: string; readonly pattern: RE2JS; readonly group: 0 | 1 };

// RE2 searches in linear time, but each of many searches may look at the whole text again: `a(.*b)?` on `aaaa…`.
// So this many characters may be searched one find after the other; behind them whole lines are withheld.
const SEARCHED_CHARS = 1_000_000;
const LEAST_FINDS = 8;
const SET_BYTES = 2 * 1024 * 1024;

const compile = ({ name, pattern }: RedactionRule): OwnRule => {
  const refuse = (why: string): RedactionRuleError => new RedactionRuleError(`redaction rule "${name}" ${why}`);
  if (pattern.length > maxPatternChars) throw refuse(`has ${pattern.length} characters, at most ${maxPatternChars}`);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    throw refuse(`is not RE2: ${(error as Error).message}`);
  }
  if (compiled.matches("")) throw refuse("matches the empty text");
  return { marker: `[redacted:${name}]`, pattern: compiled, group: compiled.groupCount() > 0 ? 1 : 0 };
};

/** The lines of a text that a rule finds something in are withheld whole; where that is not enough, the text is. */
const withholdLines = (text: string, { marker, pattern }: OwnRule): string => {
  const lines = text.split("\n").map((line) => (pattern.test(line) ? marker : line));
  const left = lines.join("\n");
  return pattern.test(left.replaceAll(marker, "")) ? marker : left;
};

type Place = { readonly from: number; readonly to: number };

const placeOf = (matcher: ReturnType<RE2JS["matcher"]>, group: 0 | 1): Place => {
  const used = group === 1 && matcher.start(1) >= 0 ? 1 : 0;
  return { from: matcher.start(used), to: matcher.end(used) };
};

const replaceFound = (text: string, rule: OwnRule): string => {
  const matcher = rule.pattern.matcher(text);
  let out = "";
  let done = 0;
  for (let left = Math.max(LEAST_FINDS, SEARCHED_CHARS / text.length); matcher.find(); left -= 1) {
    if (left <= 0) return out + withholdLines(text.slice(done), rule);
    const { from, to } = placeOf(matcher, rule.group);
    if (to === from || from < done) continue; // nothing, or a group that lies before what is done
    out += text.slice(done, from) + rule.marker;
    done = to;
  }
  return out + text.slice(done);
};

const markers = /(\[redacted:[^\]]{1,63}\])/;

/** What is redacted already is not looked at again, so that a rule such as `redacted` comes to an end. */
const betweenMarkers = (text: string, replace: (part: string) => string): string =>
  text.includes("[redacted:")
    ? text
        .split(markers)
        .map((part) => (markers.test(part) ? part : replace(part)))
        .join("")
    : replace(text);

/** Compiles the rules of people to one function over texts; throws `RedactionRuleError` for a rule that cannot be used. */
export const createOwnRules = (rules: readonly RedactionRule[]): ((text: string) => string) => {
  if (rules.length > maxRules)
    throw new RedactionRuleError(`there are ${rules.length} redaction rules, at most ${maxRules}`);
  if (rules.length === 0) return (text) => text;
  const own = rules.map(compile);
  // One pass for all of them says which have something to do.
  const set = new RE2Set(RE2Set.UNANCHORED, 0, SET_BYTES);
  for (const { pattern } of rules) set.add(pattern);
  set.compile();
  return (text) => {
    if (text === "" || set.match(text).length === 0) return text;
    return own.reduce((kept, rule) => betweenMarkers(kept, (part) => replaceFound(part, rule)), text);
  };
};
