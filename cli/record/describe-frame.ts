import { readPayload, tell, type ByType, type Given, type ReadingOf } from "#nervous-system/fold/read-frame.ts";
import { parseExactIntegers } from "#nervous-system/recorder/exact-json.ts";
import type { ContextItem } from "#nervous-system/recorder/context-file/read-items.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import { parseFrame, type ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { readConsoleSpan } from "./console-span.ts";

/** What one item of a file tells, ready to print. */
export type PrintableItem = { frame: ProducedFrame; producer: string | undefined; seq: number | undefined };

const describeJson = (value: Record<string, unknown>): PrintableItem[] => {
  const span = readConsoleSpan(value);
  const frames = (span?.frames ?? [value]).map(parseFrame).flatMap((parsed) => (parsed.ok ? [parsed.frame] : []));
  return frames.map((frame) => ({ frame, producer: undefined, seq: undefined }));
};

const parsed = (bytes: Uint8Array): ProducedFrame =>
  parseExactIntegers(Buffer.from(bytes).toString("utf8")) as ProducedFrame;

/** Known by being this very object: any frame may say that it is erased. */
const erasedPayload: ProducedFrame["payload"] = { erased: true };

/** Of an erased frame its stamps are left. */
const stampsOf = ({ event_id, event_type, observed }: Envelope): ProducedFrame => ({
  event_id,
  event_type,
  timestamp: renderTimestamp(BigInt(observed)),
  payload: erasedPayload,
});

/** The frames that an item holds: one, or as many as a span tells; none where it cannot be read. */
export const framesOf = (item: ContextItem): PrintableItem[] => {
  if (item.kind === "unreadable") return [];
  if (item.kind === "json") return describeJson(item.value);
  const { bytes, envelope } = item.frame;
  const frame = erasedDigest(bytes) === undefined ? parsed(bytes) : stampsOf(envelope);
  return [{ frame, producer: envelope.producer, seq: envelope.seq }];
};

const text = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);

const changeOf = ({ said, given }: ReadingOf<"STATE_CHANGE">): string => {
  if (given.file_modified === undefined) return "";
  const { lines_added: added, lines_removed: removed } = said;
  const counts = added === undefined || removed === undefined ? "" : ` +${added} -${removed}`;
  const from = given.old_path === undefined ? "" : ` (was ${text(given.old_path)})`;
  return `${text(given.change) || "changed"} ${text(given.file_modified)}${from}${counts}`;
};

const callOf = ({ said, given }: ReadingOf<"MODEL_CALL">): string => {
  const tokens = `${said.input_tokens ?? "?"} → ${said.output_tokens ?? "?"} tokens`;
  const end = text(given.error ?? given.stop_reason);
  const latency = given.latency_ms === undefined ? "" : `${text(given.latency_ms)} ms`;
  const words = [text(given.model), text(given.status), tokens, latency, end];
  return words.filter((word) => word !== "").join(" ");
};

const lifeOf = ({ phase, program, reason, exit_code: code, signal }: Given<"LIFECYCLE">): string =>
  [phase, program, reason, code ?? signal]
    .map(text)
    .filter((part) => part !== "")
    .join(" ");

// People are shown what is there, of whatever kind; numbers only where they are numbers.
const summaries: Partial<ByType<string>> = {
  THOUGHT: ({ given }) => text(given.text),
  DECISION_RATIONALE: ({ given }) =>
    [text(given.reasoning), text(given.selected_strategy)].filter((part) => part !== "").join(" → "),
  STATE_CHANGE: changeOf,
  MESSAGE: ({ given }) => `${text(given.from)} → ${text(given.to)}: ${text(given.text)}`,
  ACTION: ({ given }) => `${text(given.tool)} ${text(given.arguments)}`,
  MODEL_CALL: callOf,
  LIFECYCLE: ({ given }) => lifeOf(given),
  VERDICT: ({ said, given }) =>
    `${said.passed === true ? "passed" : "did not pass"}: ${text(given.gate)} ${text(given.subject)} ${text(said.findings?.[0])}`,
  ERROR: ({ given }) => text(given.message),
};

const took = (ms: unknown): string => (ms === undefined ? "" : `${text(ms)} ms`);

/** Of types that are only told by telemetry, and in no catalog. */
const telemetrySummaries: Readonly<Record<string, (payload: ProducedFrame["payload"]) => string>> = {
  CHAT: ({ model, input_tokens: sent = "?", output_tokens: answered = "?", latency_ms: ms, error, observes }) => {
    const seen = observes === undefined ? "" : "(the same call once more)";
    return `${text(model)} ${text(sent)} → ${text(answered)} tokens ${took(ms)} ${text(error)} ${seen}`;
  },
  INVOKE_AGENT: ({ agent, duration_ms: ms, error }) => `${text(agent)} ${took(ms)} ${text(error)}`,
  LOG: ({ severity, text: said, event, message, msg }) =>
    `${text(severity)} ${text(said ?? event ?? message ?? msg)}`.trim(),
};

/** What a frame says, in a few words. */
export const summaryOf = ({ event_type: type, payload }: ProducedFrame): string => {
  if (payload === erasedPayload) return "(erased)";
  const own = Object.hasOwn(telemetrySummaries, type) ? telemetrySummaries[type]?.(payload) : undefined;
  const summary = (own ?? tell(summaries, readPayload(type, payload)))?.trim() ?? "";
  return summary === "" ? JSON.stringify(payload) : summary;
};
