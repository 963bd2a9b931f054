import { leastSecretChars } from "./secret-values.ts";

const jsonEscaped = (text: string): string => JSON.stringify(text).slice(1, -1);

const byCodes = (text: string, which: RegExp): string =>
  text.replace(which, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** As writers of JSON differ: Go spells `&<>` by their codes, Python all that is not ASCII, PHP `/` behind a backslash. */
const inJson = (value: string): string[] => {
  const once = jsonEscaped(value);
  return [
    once,
    jsonEscaped(once), // a JSON text in a JSON text
    byCodes(once, /[&<>]/g),
    byCodes(once, /[\u0080-\uFFFF]/g),
    once.replaceAll("/", "\\/"),
  ];
};

const inUrl = (value: string): string[] => {
  // What stands alone of a surrogate pair has no URL.
  const encoded = encodeURIComponent(value.toWellFormed());
  const strict = encoded.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return [encoded, strict].flatMap((form) => [
    form,
    form.replaceAll("%20", "+"),
    form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  ]);
};

/** The characters that the value alone decides, where 0, 1 or 2 bytes more stand before it in a group of three: `user:…`. */
const inBase64 = (value: string): string[] => {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((before) => {
    const all = Buffer.concat([Buffer.alloc(before), bytes]);
    const form = all.toString("base64").slice(before === 0 ? 0 : before + 1, Math.floor((all.length * 8) / 6));
    return [form, form.replaceAll("+", "-").replaceAll("/", "_")];
  });
};

/** The texts as which a value is written: as it is, in JSON, in a URL, in base64 wherever it begins there. */
export const formsOf = (value: string): string[] =>
  [...new Set([value, ...inJson(value), ...inUrl(value), ...inBase64(value)])].filter(
    (form) => form.length >= leastSecretChars,
  );
