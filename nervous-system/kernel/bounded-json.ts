/** Values of one JSON document at most: each costs tens of bytes once parsed, however short it is written. */
export const maxJsonValues = 1_000_000;

/** Members of objects in one that is worked on for others, too: a new name costs ten times what a number does, in time and memory. */
export const maxJsonMembers = 200_000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const bracket = 0x5b;
const brace = 0x7b;

const isEscaped = (text: string, at: number): boolean => {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === backslash) slashes += 1;
  return slashes % 2 === 1;
};

/** Where the string ends whose words begin at `from`: at its quote, or with the text. */
export const endOfString = (text: string, from: number): number => {
  let at = text.indexOf('"', from);
  while (at >= 0 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at < 0 ? text.length : at;
};

/** How often a JSON text has one of some characters outside of its strings; no further than one more than `max`. */
const countOutside = (text: string, counts: (code: number) => boolean, max: number): number => {
  let found = 0;
  for (let at = 0; at < text.length && found <= max; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at + 1);
    else if (counts(code)) found += 1;
  }
  return found;
};

const beginsValue = (code: number): boolean => code === comma || code === bracket || code === brace;

/** About how many values a JSON text holds, told without parsing it; no further than one more than `max`. */
export const countValues = (text: string, max: number): number => countOutside(text, beginsValue, max);

/** How many members its objects have, in the same way. */
const countMembers = (text: string, max: number): number => countOutside(text, (code) => code === colon, max);

/** Whether a JSON text holds more values than `max`, told without parsing it. */
export const holdsTooMuch = (text: string, max = maxJsonValues): boolean => countValues(text, max) > max;

/** Parses JSON of whoever sends it; throws `SyntaxError` for what is none, `RangeError` for what holds too many values or members. */
export const parseBoundedJson = (text: string, maxMembers = Infinity): unknown => {
  if (maxMembers < Infinity && countMembers(text, maxMembers) > maxMembers)
    throw new RangeError(`it holds more than ${maxMembers} members`);
  if (holdsTooMuch(text)) throw new RangeError(`it holds more than ${maxJsonValues} values`);
  return JSON.parse(text);
};
