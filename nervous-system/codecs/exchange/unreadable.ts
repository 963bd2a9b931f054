import { parseJson } from "./fields.ts";
import { readErrorBody } from "./provider-error.ts";

const maxWords = 200;
// The title of a page stands near its beginning.
const maxBegin = 64 * 1024;

/** What a text says for people, in one short line. */
const wordsOf = (text: string): string => (readErrorBody(text.slice(0, maxBegin))?.text ?? "").slice(0, maxWords);

/** What an answer is that should be JSON and is none, to stand behind "the answer"; undefined where it is JSON. */
export const describeUnreadable = (text: string): string | undefined => {
  if (text.trim() === "") return "is empty";
  if (parseJson(text) !== undefined) return undefined;
  // The first bytes of gzip, of which the second is no UTF-8.
  if (text.startsWith("\u001F\uFFFD")) return "is gzip, though no content-encoding says so";
  if (/^\s*[[{]/.test(text)) return "is JSON that is broken, breaks off or has too many values";
  if (/^\s*<(!doctype html|html|head|body)\b/i.test(text)) return `is a web page, no JSON: ${wordsOf(text)}`;
  const words = wordsOf(text);
  return /[\p{Cc}\uFFFD]/u.test(words) ? "is binary, no JSON" : `is no JSON: ${words}`;
};
