import type { ContextItem } from "#nervous-system/recorder/context-file/read-items.ts";
import { parseFrame, type ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { readConsoleSpan } from "./console-span.ts";

/** What one item of a file tells, ready to print. */
export type PrintableItem = { frame: ProducedFrame; producer: string | undefined; seq: number | undefined };

const describeJson = (value: Record<string, unknown>): PrintableItem[] => {
  const span = readConsoleSpan(value);
  const frames = (span?.frames ?? [value]).map(parseFrame).flatMap((parsed) => (parsed.ok ? [parsed.frame] : []));
  return frames.map((frame) => ({ frame, producer: undefined, seq: undefined }));
};

/** The frames that an item holds: one, or as many as a span tells; none where it cannot be read. */
export const framesOf = (item: ContextItem): PrintableItem[] => {
  if (item.kind === "unreadable") return [];
  if (item.kind === "json") return describeJson(item.value);
  const { bytes, envelope } = item.frame;
  const frame = JSON.parse(Buffer.from(bytes).toString("utf8")) as ProducedFrame;
  return [{ frame, producer: envelope.producer, seq: envelope.seq }];
};

const text = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);

const changeOf = (payload: Record<string, unknown>): string => {
  if (payload["file_modified"] === undefined) return "";
  const { lines_added: added, lines_removed: removed } = payload;
  const counts = typeof added === "number" && typeof removed === "number" ? ` +${added} -${removed}` : "";
  const from = payload["old_path"] === undefined ? "" : ` (was ${text(payload["old_path"])})`;
  return `${text(payload["change"]) || "changed"} ${text(payload["file_modified"])}${from}${counts}`;
};

const callOf = (payload: Record<string, unknown>): string => {
  const tokens = `${text(payload["input_tokens"]) || "?"} → ${text(payload["output_tokens"]) || "?"} tokens`;
  const end = text(payload["error"] ?? payload["stop_reason"]);
  return `${text(payload["model"])} ${text(payload["status"])} ${tokens} ${text(payload["latency_ms"])} ms ${end}`;
};

const summaries: Readonly<Record<string, (payload: Record<string, unknown>) => string>> = {
  THOUGHT: (payload) => text(payload["text"]),
  DECISION_RATIONALE: (payload) =>
    [text(payload["reasoning"]), text(payload["selected_strategy"])].filter((part) => part !== "").join(" → "),
  STATE_CHANGE: changeOf,
  MESSAGE: (payload) => `${text(payload["from"])} → ${text(payload["to"])}: ${text(payload["text"])}`,
  ACTION: (payload) => `${text(payload["tool"])} ${text(payload["arguments"])}`,
  MODEL_CALL: callOf,
  LIFECYCLE: (payload) =>
    [payload["phase"], payload["program"], payload["reason"], payload["exit_code"] ?? payload["signal"]]
      .map(text)
      .filter((part) => part !== "")
      .join(" "),
  ERROR: (payload) => text(payload["message"]),
};

/** What a frame says, in a few words. */
export const summaryOf = ({ event_type: type, payload }: ProducedFrame): string => {
  const summary = summaries[type]?.(payload).trim() ?? "";
  return summary === "" ? JSON.stringify(payload) : summary;
};
