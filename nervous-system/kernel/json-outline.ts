import { countValues, endOfString } from "#nervous-system/kernel/bounded-json.ts";

/** Values of a part that is kept whole, and of all kept parts together. */
const MAX_PART = 10_000;
const MAX_KEPT = 200_000;
/** Levels that are looked through for small parts: each costs the text of its large ones another pass. */
const MAX_DEPTH = 4;

/** Where a value stands in a text, and about how many it holds; `to` is behind its last character. */
type Span = { readonly from: number; readonly to: number; readonly values: number };

const opens = (code: number): boolean => code === 0x5b || code === 0x7b;
const closes = (code: number): boolean => code === 0x5d || code === 0x7d;
const comma = 0x2c;
const quote = 0x22;

const behindSpace = (text: string, from: number): number => {
  let at = from;
  while (" \t\n\r".includes(text.charAt(at)) && at < text.length) at += 1;
  return at;
};

const endOfContainer = (text: string, from: number): Span => {
  let depth = 0;
  let values = 1;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at + 1);
    else if (code === comma) values += 1;
    else if (opens(code)) [depth, values] = [depth + 1, values + 1];
    else if (closes(code) && (depth -= 1) === 0) return { from, to: at + 1, values };
  }
  throw new SyntaxError("the JSON breaks off");
};

const spanAt = (text: string, from: number): Span => {
  const code = text.charCodeAt(from);
  if (opens(code)) return endOfContainer(text, from);
  let to = from;
  if (code === quote) to = endOfString(text, from + 1) + 1;
  else while (to < text.length && !/[\s,\]}]/.test(text.charAt(to))) to += 1;
  return { from, to, values: 1 };
};

type Entry = { readonly name: string; readonly span: Span };

/** The members of the object or list that begins at `from`, in order; those of a list have no names. */
function* entriesAt(text: string, from: number): Generator<Entry> {
  const isObject = text.charAt(from) === "{";
  let at = behindSpace(text, from + 1);
  while (!closes(text.charCodeAt(at))) {
    let name = "";
    if (isObject) {
      const end = endOfString(text, at + 1) + 1;
      name = JSON.parse(text.slice(at, end)) as string;
      at = behindSpace(text, end);
      if (text.charAt(at) !== ":") throw new SyntaxError("a member has no value");
      at = behindSpace(text, at + 1);
    }
    const span = spanAt(text, at);
    yield { name, span };
    at = behindSpace(text, span.to);
    if (text.charCodeAt(at) === comma) at = behindSpace(text, at + 1);
    else if (!closes(text.charCodeAt(at))) throw new SyntaxError("a value has no end");
  }
}

type Budget = { left: number };

const isLarge = ({ values }: Span): boolean => values > MAX_PART;

/** A part that is kept whole; undefined where there is no room left for it. */
const partAt = (text: string, { from, to, values }: Span, budget: Budget): unknown => {
  budget.left -= values;
  return budget.left < 0 ? undefined : JSON.parse(text.slice(from, to));
};

type Kept = { readonly name: string; readonly span: Span; value: unknown };

const composed = (isObject: boolean, entries: readonly Kept[]): unknown => {
  const present = entries.filter(({ value }) => value !== undefined);
  return isObject
    ? Object.fromEntries(present.map(({ name, value }) => [name, value]))
    : present.map(({ value }) => value);
};

const outlineAt = (text: string, span: Span, depth: number, budget: Budget): unknown => {
  if (!isLarge(span)) return partAt(text, span, budget);
  if (depth === 0 || budget.left <= 0) return undefined;
  const entries: Kept[] = [];
  for (const entry of entriesAt(text, span.from)) {
    if (budget.left <= 0) break;
    entries.push({ ...entry, value: isLarge(entry.span) ? undefined : partAt(text, entry.span, budget) });
  }
  // What is small first, wherever it stands: counts come behind what they count.
  for (const entry of entries) if (isLarge(entry.span)) entry.value = outlineAt(text, entry.span, depth - 1, budget);
  return composed(text.charAt(span.from) === "{", entries);
};

/**
 * A JSON text of too many values without its large parts: what is small of it, some levels deep, and of long lists as much as fits.
 * For what is to be told of an answer, never to judge by. Throws `SyntaxError` where the text is seen to be none.
 */
export const parseOutline = (text: string): unknown => {
  const from = behindSpace(text, 0);
  return outlineAt(text, { from, to: text.length, values: countValues(text, MAX_PART) }, MAX_DEPTH, { left: MAX_KEPT });
};
