import type { Duplex } from "node:stream";
import { createAnswerReader, type AnswerReader } from "#nervous-system/codecs/exchange/answer-reader.ts";
import { createMessageReader } from "#nervous-system/comms/websocket/message-reader.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { WatchedCall } from "./watch-call.ts";

type Pending = {
  /** The message that asked; undefined where it was too large to be kept. */
  request: string | undefined;
  began: number;
  reader: AnswerReader;
  firstTokenMs?: number;
};

const maxMessageBytes = 16 * 1024 * 1024;
const switchingProtocols = 101;

const parseMessage = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

/** In the realtime protocol, which is another, the session has the model. */
const asksForAnswer = ({ type, model }: Readonly<Record<string, unknown>>): boolean =>
  type === "response.create" && typeof model === "string";

/** Only the error event of a socket has a status of its own. */
const statusOf = ({ status }: Readonly<Record<string, unknown>>): number =>
  typeof status === "number" ? status : switchingProtocols;

/**
 * Tells each exchange of a WebSocket in OpenAI's Responses protocol, when its last event has come: a `response.create` asks, the
 * events that follow answer, one response after the other. What else passes is left to its two ends.
 */
export const watchSocket = (
  { client, upstream }: { client: Duplex; upstream: Duplex },
  clock: Pick<Clock, "monotonicMs">,
  tell: (call: WatchedCall) => void,
): void => {
  const [asked, answered] = [createMessageReader(maxMessageBytes), createMessageReader(maxMessageBytes)];
  const pending: Pending[] = [];
  const sinceMs = ({ began }: Pending): number => Math.round(clock.monotonicMs() - began);
  const over = (status: number, error?: string): void => {
    const one = pending.shift();
    if (one === undefined) return;
    const { request, reader, firstTokenMs } = one;
    tell({ request, answer: reader.facts(), status, latencyMs: sinceMs(one), firstTokenMs, error });
  };
  client.on("data", (chunk: Buffer) => {
    for (const { kind, text } of asked.push(chunk)) {
      if (kind === "text" && (text === undefined || asksForAnswer(parseMessage(text))))
        pending.push({ request: text, began: clock.monotonicMs(), reader: createAnswerReader() });
    }
  });
  upstream.on("data", (chunk: Buffer) => {
    for (const { kind, text } of answered.push(chunk)) {
      const [answering] = pending;
      if (kind !== "text" || text === undefined || answering === undefined) continue;
      const { last, content } = answering.reader.readEvent({ event: "", data: text });
      if (content) answering.firstTokenMs ??= sinceMs(answering);
      if (last) over(statusOf(parseMessage(text)));
    }
  });
  const cut = (error: string): void => {
    while (pending.length > 0) over(switchingProtocols, error);
  };
  upstream.once("close", () => cut("the connection was closed"));
  client.once("close", () => cut("the program hung up"));
};
