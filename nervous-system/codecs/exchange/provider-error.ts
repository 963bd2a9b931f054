import { fieldsOf, listOf, memberAt, parseJson, textOf, wordOf, type Fields } from "./fields.ts";

/** What a provider says went wrong; codes are its words and numbers for programs, such as `insufficient_quota`, `429` or the id of a quota. */
export type ProviderError = { readonly text: string; readonly codes: readonly string[] };

// Deeper or longer than any error that somebody wrote for people.
const maxDepth = 6;
const maxItems = 20;
const maxCharacters = 4_000;

/** Members that hold the words, those for people first; each may hold an object with more of them. */
const tellingMembers = ["message", "Message", "msg", "detail", "error", "errors", "error_description", "faultstring"];
const codeMembers = ["code", "type", "status"];

/** The words in an error of any shape; FastAPI's say by `loc` what they speak of. */
const wordsIn = (value: unknown, depth = 0): string | undefined => {
  if (typeof value === "string") return textOf(value.trim());
  if (depth > maxDepth || typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    const items = value.slice(0, maxItems).map((item) => wordsIn(item, depth + 1));
    return textOf(items.filter((item) => item !== undefined).join("; "));
  }
  const fields = fieldsOf(value);
  for (const name of tellingMembers) {
    const words = wordsIn(fields[name], depth + 1);
    if (words === undefined) continue;
    const place = listOf(fields["loc"]).slice(0, maxItems).map(wordOf).join(".");
    return place === "" ? words : `${place}: ${words}`;
  }
  return undefined;
};

/** An answer proper; some wrap theirs in `code` and `message` too. */
const answerMembers = ["choices", "content", "candidates", "output", "data"];

/** The part of a document that is an error; undefined where the document is none. */
const errorIn = (document: Fields): unknown => {
  const own = document["error"] ?? document["fault"] ?? memberAt(document, "choices", 0, "error");
  if (own !== undefined && own !== null && own !== false) return own;
  return answerMembers.some((name) => name in document) ? undefined : document;
};

/** The limits that Google says are exceeded, by their ids. */
const quotasIn = (error: unknown): readonly unknown[] =>
  listOf(fieldsOf(error)["details"])
    .slice(0, maxItems)
    .flatMap((detail) => listOf(fieldsOf(detail)["violations"]).slice(0, maxItems))
    .map((violation) => fieldsOf(violation)["quotaId"]);

const codesIn = (error: unknown): readonly string[] =>
  [...codeMembers.map((name) => fieldsOf(error)[name]), ...quotasIn(error)].map(wordOf).filter((code) => code !== "");

const shortened = (words: string): string => words.slice(0, maxCharacters);

/** An error without words, as it is; JSON may be nested deeper than it can be written again. */
const written = (error: unknown): string | undefined => {
  try {
    return Object.keys(fieldsOf(error)).length === 0 ? undefined : JSON.stringify(error);
  } catch {
    return "an error that is nested too deep to be told";
  }
};

/** The error that a JSON document tells, in whichever shape: `error`, `[{error}]`, `message`, `detail`; undefined where it tells none. */
export const errorOf = (document: unknown): ProviderError | undefined => {
  const fields = fieldsOf(Array.isArray(document) ? document[0] : document);
  const error = errorIn(fields);
  const words = wordsIn(error) ?? (error === fields ? undefined : written(error));
  return words === undefined ? undefined : { text: shortened(words), codes: codesIn(error) };
};

/** What a body without JSON says: the title of a page, or the text itself. */
const plainWords = (text: string): string | undefined => {
  const page = /^\s*</.test(text) ? /<title>([^<]+)/i.exec(text)?.[1] : undefined;
  return textOf((page ?? text.slice(0, maxCharacters)).replaceAll(/\s+/g, " ").trim());
};

/** The error in the whole body of an answer whose status says that it is one; undefined for an empty body. */
export const readErrorBody = (text: string): ProviderError | undefined => {
  const told = errorOf(parseJson(text));
  if (told !== undefined) return told;
  const words = plainWords(text);
  return words === undefined ? undefined : { text: shortened(words), codes: [] };
};
