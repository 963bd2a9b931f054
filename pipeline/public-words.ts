import { cut, oneLine } from "#nervous-system/kernel/cut.ts";
import { plainText } from "#nervous-system/kernel/plain-text.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { secretValuesOf } from "#nervous-system/recorder/secret-values.ts";
import { MAX_STATE_TEXT } from "#nervous-system/schemas/part-states.ts";

/** What is read of somebody else's words. */
const MAX_READ = 4_000;

/** What others may read of a store's words: one short line, without what a terminal obeys, a known secret, or one of these settings. */
export const publicWords = (settings: Readonly<Record<string, unknown>>): ((text: string) => string) => {
  const texts = Object.entries(settings).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
  const redactor = createRedactor([], secretValuesOf(Object.fromEntries(texts) as Record<string, string>));
  return (text) => {
    const { frame } = redactor.redact({
      event_type: "ERROR",
      payload: { message: plainText(text.slice(0, MAX_READ)) },
    });
    return cut(oneLine(String(frame.payload["message"])), MAX_STATE_TEXT);
  };
};
