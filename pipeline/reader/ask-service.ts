import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { askMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { CallContext, GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createKeyedSemaphore, createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { AskPartSchema, AskRequestSchema, type AskRequest } from "#nervous-system/schemas/gen/reader_pb.ts";
import { decodeMessage } from "#pipeline/decode-message.ts";
import type { Answer, ReadStore } from "#pipeline/reader/answer.ts";
import { answerParts, type AnswerTotals } from "#pipeline/reader/answer-parts.ts";
import type { Authorise } from "#pipeline/reader/authorise.ts";
import type { ReaderMetrics } from "#pipeline/reader/measure.ts";
import { parseAsk, type ParsedAsk } from "#pipeline/reader/parse-ask.ts";

/** What answering needs. */
export type AskServiceOptions = {
  readonly authorise: Authorise;
  readonly stores: readonly ReadStore[];
  readonly metrics: ReaderMetrics;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
};

/** Questions that are answered at once, of all users and of one. */
const MAX_QUESTIONS = 8;
const MAX_OF_USER = 4;
/** How long an answer may take, whoever is slow: a client that reads nothing would keep its place for ever. */
const ANSWER_MS = 60_000;
const RETRY_MS = 1_000;

type Enter = (username: string) => () => void;

const busy = (whose: string): GrpcFailure =>
  new GrpcFailure(grpcStatus.unavailable, `${whose} questions are answered at the moment; ask again`, RETRY_MS);

const createEnter = (): Enter => {
  const [all, users] = [createSemaphore(MAX_QUESTIONS), createKeyedSemaphore(MAX_OF_USER)];
  return (username) => {
    if (!users.tryAcquire(username, 1)) throw busy(`${MAX_OF_USER} of your`);
    if (!all.tryAcquire(1)) {
      users.release(username, 1);
      throw busy(`${MAX_QUESTIONS}`);
    }
    return () => {
      all.release(1);
      users.release(username, 1);
    };
  };
};

const partOf = (part: NonNullable<MessageInitShape<typeof AskPartSchema>["part"]>): Buffer =>
  Buffer.from(toBinary(AskPartSchema, create(AskPartSchema, { part })));

const summaryOf = (totals: AnswerTotals, elapsedMs: number, store: string, explained: Answer | undefined): Buffer =>
  partOf({
    case: "summary",
    value: {
      rows: BigInt(totals.rows),
      cutBy: totals.cutBy,
      rowsRead: BigInt(totals.rowsRead),
      bytesRead: BigInt(totals.bytesRead),
      elapsedMs: BigInt(Math.round(elapsedMs)),
      store,
      ...(explained === undefined
        ? {}
        : { statement: explained.statement.trim(), boundJson: JSON.stringify(explained.bound) }),
    },
  });

type Asking = { readonly request: AskRequest; readonly namespace: string; readonly signal: AbortSignal };

async function* answered(
  { clock, metrics }: AskServiceOptions,
  { store, question, values, limit }: ParsedAsk,
  { request, namespace, signal }: Asking,
): AsyncGenerator<Buffer> {
  const begun = clock.monotonicMs();
  const stop = new AbortController();
  const leave = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  let code = String(grpcStatus.cancelled);
  try {
    // One row more tells whether there are more.
    const answer = store.answer(question, { namespace, values, rows: limit + 1, signal: stop.signal });
    const parts = answerParts(question, answer, limit);
    let next = await parts.next();
    for (; next.done !== true; next = await parts.next()) yield partOf(next.value);
    metrics.questionRows.inc({ question: question.name }, next.value.rowsRead);
    yield summaryOf(next.value, clock.monotonicMs() - begun, store.name, request.explain ? answer : undefined);
    code = "0";
  } catch (error) {
    code = String(error instanceof GrpcFailure ? error.code : grpcStatus.internal);
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
    stop.abort();
    metrics.questionSeconds.observe({ question: question.name, code }, (clock.monotonicMs() - begun) / 1000);
  }
}

/** `enchanted.v1.ReaderService` over the stores. */
export const createAskService = (options: AskServiceOptions): GrpcHandler => {
  const { authorise, stores, clock } = options;
  const enter = createEnter();
  return {
    kind: "serverStream",
    method: askMethod,
    withinMs: ANSWER_MS,

    handle: async function* (bytes: Buffer, { token, signal }: CallContext) {
      const principal = await authorise.authenticate(token);
      const request = decodeMessage(AskRequestSchema, bytes);
      const namespace = await authorise.namespaceFor(principal, request.namespace, request.query);
      const parsed = parseAsk(request, stores, clock.now());
      const leave = enter(principal.username);
      try {
        yield* answered(options, parsed, { request, namespace, signal });
      } finally {
        leave();
      }
    },
  };
};
