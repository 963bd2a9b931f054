import { isJsonObject, numberAt, objectAt, parseJson, textAt, textOfContent } from "./fields.ts";

/** The value of a text that is JSON, else the text. */
export const decodedJson = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
};

type Output = { text: string; ok: boolean; durationMs?: number };

const HEAD_CHARS = 400;

const readText = (text: string): Output => {
  const head = text.slice(0, HEAD_CHARS);
  const exit = /^(?:Process exited with code|Exit code:) (-?\d{1,9})$/m.exec(head)?.[1];
  const seconds = /^Wall time: (\d{1,9}(?:\.\d{1,9})?) seconds$/m.exec(head)?.[1];
  const ok = exit === undefined || exit === "0";
  return { text, ok, ...(seconds === undefined ? {} : { durationMs: Math.round(Number(seconds) * 1000) }) };
};

/** What older versions wrote: JSON in a text, with the exit code beside the output. */
const readWrapped = (value: Readonly<Record<string, unknown>>): Output => {
  const metadata = objectAt(value, "metadata");
  const exit = numberAt(metadata, "exit_code") ?? 0;
  const seconds = numberAt(metadata, "duration_seconds");
  const text = textAt(value, "output") ?? textAt(value, "content") ?? "";
  const ok = value["success"] !== false && exit === 0;
  return { text, ok, ...(seconds === undefined ? {} : { durationMs: Math.round(seconds * 1000) }) };
};

/** What a tool of Codex answered: a text with a head of its own, JSON in a text, an object, or a list of parts. */
export const readOutput = (output: unknown): Output => {
  const value = typeof output === "string" && output.startsWith('{"output":') ? decodedJson(output) : output;
  if (isJsonObject(value)) return readWrapped(value);
  return readText(textOfContent(value));
};
