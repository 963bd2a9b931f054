import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import type { ModelCallFacts } from "#nervous-system/codecs/exchange/model-call.ts";
import { requestIdOf } from "#nervous-system/codecs/exchange/model-call-members.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createAnswerCopy, createRequestCopy, type AnswerCopy } from "./body-copy.ts";

/** What a call told, when it is over. */
export type WatchedCall = Pick<
  ModelCallFacts,
  "answer" | "status" | "latencyMs" | "firstTokenMs" | "requestId" | "unread" | "error"
> & {
  /** Undefined where it could not be read. */
  readonly request: string | undefined;
};

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

/** Who hears of a call. */
type Listener = {
  /** Its request has been sent whole; the text is undefined where it could not be read. */
  asked(request: string | undefined): void;
  /** It is over, however it ended; what it told is read when it is asked for. */
  over(exchange: () => Promise<WatchedCall>): void;
};

/** Tells what a call asks and how it ends; the call itself is left as it is. */
export const watchCall = (
  { outgoing, incoming, answer }: { outgoing: ClientRequest; incoming: IncomingMessage; answer: ServerResponse },
  clock: Pick<Clock, "monotonicMs">,
  listener: Listener,
): void => {
  const began = clock.monotonicMs();
  const sinceMs = (): number => Math.round(clock.monotonicMs() - began);
  const asked = createRequestCopy();
  let request: ReturnType<typeof asked.end> | undefined;
  const readRequest = () => (request ??= asked.end(incoming.headers["content-encoding"], incoming.complete));
  let answered = noAnswer;
  let isOver = false;
  const read = async (latencyMs: number, error: string | undefined): Promise<WatchedCall> => {
    const { status, requestId, copy } = answered;
    const { text, unread: unreadRequest } = await readRequest();
    const { facts, isOver: isWhole, firstContentMs, unread } = await copy.end(error === undefined);
    return {
      request: text,
      answer: facts,
      status,
      latencyMs,
      firstTokenMs: firstContentMs,
      requestId,
      unread: [unreadRequest ?? [], unread ?? []].flat().join("; ") || undefined,
      error: isWhole ? undefined : error,
    };
  };
  const over = (error?: string): void => {
    if (isOver) return;
    isOver = true;
    const latencyMs = sinceMs();
    listener.over(() => read(latencyMs, error));
  };
  incoming.on("data", (chunk: Buffer) => asked.add(chunk));
  incoming.once("end", () => void readRequest().then(({ text }) => listener.asked(text)));
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
