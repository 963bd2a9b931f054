import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import type { AnswerFacts } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { createAnswerReader } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { computeContextWindow } from "#nervous-system/codecs/exchange/context-window.ts";
import { createSseSplitter } from "#nervous-system/codecs/exchange/sse-events.ts";
import type { ModelTarget } from "./routes.ts";

/** Keeps the beginning of a body, up to a bound, while it passes. */
export type BodyCopy = { add(chunk: Buffer): void; text(): string | undefined };

const maxBodyBytes = 16 * 1024 * 1024;
const maxHashes = 2000;
const maxErrorChars = 2000;

/** Creates an empty copy; its text is undefined when the body was larger than 16 MiB. */
export const createBodyCopy = (): BodyCopy => {
  const gathered = gatherBytes();
  let isTooLong = false;
  return {
    add: (chunk) => {
      isTooLong ||= gathered.size + chunk.length > maxBodyBytes;
      if (isTooLong) gathered.take();
      else gathered.add(chunk);
    },
    text: () => (isTooLong ? undefined : gathered.take().toString("utf8")),
  };
};

/** What an answer says of itself, streamed or whole; `isOver` where the last event of a stream came, whoever hung up then. */
export const readAnswer = (contentType: string, text: string | undefined): AnswerFacts & { isOver: boolean } => {
  const reader = createAnswerReader();
  if (text === undefined) return { isOver: false };
  let isOver = false;
  if (!contentType.includes("text/event-stream")) reader.readWhole(text);
  else
    for (const event of createSseSplitter().push(Buffer.from(`${text}\n\n`)))
      isOver = reader.readEvent(event).last || isOver;
  return { ...reader.facts(), isOver };
};

const parseRequest = (text: string | undefined): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
};

/** Whether a request is an exchange with a model, and not a list of models or the like; one too large to be kept is taken for one. */
export const isExchange = (method: string | undefined, text: string | undefined): boolean =>
  method === "POST" && (text === undefined || typeof parseRequest(text)?.["model"] === "string");

/** One exchange that is over. */
export type Exchange = {
  target: ModelTarget;
  /** Undefined where it was too large to be kept. */
  request: string | undefined;
  answer: AnswerFacts;
  /** HTTP status; 0 when there was no answer. */
  status: number;
  latencyMs: number;
  error?: string | undefined;
};

/** Undefined where no JSON can be made of a message: the call went as its program wrote it, and is recorded all the same. */
const hashesOf = (request: Readonly<Record<string, unknown>>): readonly string[] | undefined => {
  try {
    return computeContextWindow(request);
  } catch {
    return undefined;
  }
};

const windowOf = (request: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const hashes = hashesOf(request);
  if (hashes === undefined) return {};
  if (hashes.length <= maxHashes) return { context_window: hashes };
  return { context_window: hashes.slice(-maxHashes), context_window_omitted: hashes.length - maxHashes };
};

/** The payload of an exchange's MODEL_CALL. */
export const renderModelCall = (exchange: Exchange): Record<string, unknown> => {
  const request = parseRequest(exchange.request) ?? {};
  const { answer } = exchange;
  const payload = {
    provider: exchange.target.provider,
    model: exchange.request === undefined ? "(the request has over 16 MiB and was not read)" : request["model"],
    ...windowOf(request),
    input_tokens: answer.inputTokens,
    output_tokens: answer.outputTokens,
    latency_ms: exchange.latencyMs,
    stop_reason: answer.stopReason,
    status: exchange.status,
    error: (exchange.error ?? answer.error)?.slice(0, maxErrorChars),
  };
  return Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
};
