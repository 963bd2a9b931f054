import { isJsonText } from "#nervous-system/kernel/json-object.ts";
import { createDocumentJoiner, type JoinedDocument } from "./document-joiner.ts";
import { frameLineStart, parseFrameLine } from "./frame-line.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";

/** One thing in a file of context: a frame with its proof, other JSON, or text that is neither. `line` counts from 1. */
export type ContextItem =
  | { kind: "frame"; line: number; frame: RecordedFrame }
  | { kind: "json"; line: number; value: Record<string, unknown> }
  | { kind: "unreadable"; line: number; reason: string; isTorn: boolean };

/** Reads the items of a file from its lines. */
export type ItemReader = {
  push(line: string): ContextItem[];
  /** `rest` is what stands behind the last newline. */
  end(rest: string): ContextItem[];
};

const parseObject = (text: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

const wholeItem = ({ text, line }: JoinedDocument): ContextItem | undefined => {
  const parsed = parseFrameLine(text);
  if (parsed.kind === "frame") return { kind: "frame", line, frame: parsed.frame };
  if (parsed.kind === "damaged") return undefined;
  const value = parseObject(text);
  return value === undefined ? undefined : { kind: "json", line, value };
};

// In half a line may stand what looks like the beginning of a frame; each is tried at the cost of the whole line.
const MAX_TRIES = 20;

/** A frame behind the half line of a writer that was killed: two processes append to one file. */
const afterTornPart = ({ text, line }: JoinedDocument): ContextItem | undefined => {
  let at = 0;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    at = text.indexOf(frameLineStart, at + 1);
    if (at < 0) return undefined;
    const parsed = parseFrameLine(text.slice(at));
    if (parsed.kind === "frame") return { kind: "frame", line, frame: parsed.frame };
  }
  return undefined;
};

const itemsOf = (document: JoinedDocument): ContextItem[] => {
  const { text, line, isWhole } = document;
  const unreadable = (reason: string, isTorn: boolean): ContextItem => ({ kind: "unreadable", line, reason, isTorn });
  if (!isWhole) return [unreadable("a JSON document begins here and never ends", true)];
  const whole = wholeItem(document);
  if (whole !== undefined) return [whole];
  const behind = afterTornPart(document);
  if (behind !== undefined) return [unreadable("half a line, left by a writer that was killed", true), behind];
  const parsed = parseFrameLine(text);
  // A writer that is killed, or whose disk is full, leaves the beginning of a line: no JSON, wherever it was cut. Whoever cuts
  // a line breaks its chain, and that shows at the next frame.
  const isTorn = text.startsWith("{") && !isJsonText(text);
  if (isTorn) return [unreadable("half a line, left by a writer that was killed or had no room", true)];
  return [unreadable(parsed.kind === "damaged" ? parsed.reason : "the line is not JSON", false)];
};

/** Creates a reader at the beginning of a file. */
export const createItemReader = (): ItemReader => {
  const joiner = createDocumentJoiner();
  return {
    push: (line) => joiner.push(line).flatMap(itemsOf),
    end: (rest) => [...joiner.push(rest), ...joiner.end()].flatMap(itemsOf),
  };
};
