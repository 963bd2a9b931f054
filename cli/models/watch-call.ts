import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { requestIdOf } from "#nervous-system/codecs/exchange/model-call-members.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createAnswerCopy, createRequestCopy, type AnswerCopy } from "./body-copy.ts";
import type { Exchange } from "./exchange.ts";

/** What a call over HTTP told, when it is over. */
export type WatchedCall = Omit<Exchange, "target" | "model">;

type Answering = { readonly status: number; readonly requestId: string | undefined; readonly copy: AnswerCopy };

const noAnswer: Answering = {
  status: 0,
  requestId: undefined,
  copy: { add: () => undefined, end: () => Promise.resolve({ facts: {}, isOver: false }) },
};

const answering = ({ statusCode: status = 0, headers }: IncomingMessage, nowMs: () => number): Answering => {
  const head = { status, contentType: headers["content-type"], contentEncoding: headers["content-encoding"] };
  return { status, requestId: requestIdOf(headers), copy: createAnswerCopy(head, nowMs) };
};

/** Passes a call's exchange to `tell` when it is over, however it ends; the call itself is left as it is. */
export const watchCall = (
  { outgoing, incoming, answer }: { outgoing: ClientRequest; incoming: IncomingMessage; answer: ServerResponse },
  clock: Pick<Clock, "monotonicMs">,
  tell: (exchange: Promise<WatchedCall>) => void,
): void => {
  const began = clock.monotonicMs();
  const sinceMs = (): number => Math.round(clock.monotonicMs() - began);
  const asked = createRequestCopy();
  let answered = noAnswer;
  let isOver = false;
  const read = async (latencyMs: number, error: string | undefined): Promise<WatchedCall> => {
    const { status, requestId, copy } = answered;
    const request = await asked.end(incoming.headers["content-encoding"]);
    const { facts, isOver: isWhole, firstContentMs, unread } = await copy.end();
    return {
      request: request.text,
      answer: facts,
      status,
      latencyMs,
      firstTokenMs: firstContentMs,
      requestId,
      unread: [request.unread ?? [], unread ?? []].flat().join("; ") || undefined,
      error: isWhole ? undefined : error,
    };
  };
  const over = (error?: string): void => {
    if (!isOver) tell(read(sinceMs(), error));
    isOver = true;
  };
  incoming.on("data", (chunk: Buffer) => asked.add(chunk));
  outgoing.once("response", (from) => {
    answered = answering(from, sinceMs);
    const { copy } = answered;
    from.on("data", (chunk: Buffer) => copy.add(chunk));
    from.once("end", () => over());
    from.once("aborted", () => over("the answer was cut"));
  });
  outgoing.once("error", (error) => over(error.message));
  answer.once("close", () => over("the program hung up"));
};
