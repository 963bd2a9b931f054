import type { AdmittedCall } from "#pipeline/gateway/admit-model-call.ts";
import { ownerOf, type BodyWorks } from "#pipeline/gateway/bodies/body-works.ts";
import type { BoundAgent } from "#pipeline/gateway/await-binding.ts";
import type { Broken } from "#pipeline/gateway/broken.ts";
import { carryOut, type CarryTools, type AskingCall, type CallOutcome } from "#pipeline/gateway/carry-out.ts";
import { unreadMessage, type Written } from "#pipeline/gateway/client-end.ts";
import { countTokens } from "#pipeline/gateway/count-tokens.ts";
import { putAnswer, putRequest, type BlobTools } from "#pipeline/gateway/exchange-blobs.ts";
import { costOf, parseTraceparent, renderExchangeFrame } from "#pipeline/gateway/model-call-frame.ts";
import type { FrameWriter } from "#pipeline/gateway/ports.ts";
import { prepareRequest, type ReadyCall, type RequestTools } from "#pipeline/gateway/prepare-request.ts";
import { granted, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";
import type { Spending } from "#pipeline/gateway/spending.ts";
import type { UsageMemory } from "#pipeline/gateway/usage-memory.ts";

/** What exchanges are carried out with. */
export type ExchangeTools = BlobTools &
  RequestTools &
  CarryTools & {
    readonly frames: FrameWriter;
    readonly usage: UsageMemory;
    readonly spending: Spending;
    readonly bodies: BodyWorks;
  };

/** One admitted call, with its body ready for the provider. */
export type Exchange = AdmittedCall & BoundAgent & ReadyCall & AskingCall;

/** How an exchange ended, for metrics. */
export type ExchangeEnd = {
  readonly status: number;
  readonly latencyMs: number;
  readonly facts: CallOutcome["facts"];
  readonly broken?: Broken | undefined;
};

/** What a client made of the end of an answer that had come whole: the frame is written by then. */
const endings: Readonly<Record<Written, Broken | undefined>> = {
  taken: undefined,
  unread: { by: "client_stopped_reading", message: unreadMessage },
  gone: { by: "client_gone", message: "the client went away before it had the end of the answer" },
};

const finishClient = async (
  { log }: ExchangeTools,
  { agent }: Exchange,
  { broken, finish }: CallOutcome,
): Promise<Broken | undefined> => {
  const ending = endings[await finish()];
  const why = broken ?? ending;
  const { namespace, name } = agent.metadata;
  if (why !== undefined) log.info({ by: why.by, namespace, agent: name }, `a model call broke: ${why.message}`);
  return why;
};

const noteSpent = ({ spending }: ExchangeTools, { mission, model }: Exchange, answer: ExchangeEnd["facts"]): void => {
  const { inputTokens = 0, outputTokens = 0 } = answer;
  spending.note(mission, { inputTokens, outputTokens, nanoUsd: costOf({ model, answer }) ?? 0 });
};

const countedOf = ({ route, body: { guessedTokens } }: Exchange, outcome: CallOutcome) =>
  countTokens({ ...outcome, route, guessedTokens });

type Ended = ExchangeEnd & Pick<CallOutcome, "again">;

const carryOutAndRecord = async (tools: ExchangeTools, exchange: Exchange): Promise<Granted<Ended>> => {
  const requestBlob = await putRequest(tools, exchange);
  if (requestBlob.kind === "refused") return requestBlob;
  const request = await prepareRequest(tools, exchange);
  if (request.kind === "refused") return request;
  const startedMs = tools.clock.monotonicMs();
  const outcome = await carryOut(tools, exchange, request.value);
  const latencyMs = Math.round(tools.clock.monotonicMs() - startedMs);
  const { facts, usageEstimated } = countedOf(exchange, outcome);
  // Before it is written, so that no status which tells it is taken for one that does not.
  noteSpent(tools, exchange, facts);
  const answerBlob = await putAnswer(tools, exchange, outcome.answer);
  const { firstContentMs, again } = outcome;
  try {
    await tools.frames.write(
      renderExchangeFrame({
        ...exchange,
        ...outcome,
        contextWindow: exchange.body.contextWindow,
        request: exchange.body.facts,
        requestBlob: requestBlob.value,
        answer: facts,
        usageEstimated,
        answerBlob,
        latencyMs,
        firstTokenMs: firstContentMs === undefined ? undefined : Math.round(firstContentMs - startedMs),
        error: outcome.broken?.message,
        trace: parseTraceparent(exchange.incoming.headers["traceparent"]?.toString()),
      }),
    );
  } catch (error) {
    tools.log.error({ err: error }, "a model call could not be recorded, so its answer is withheld");
    if (exchange.client.headersSent) exchange.client.destroy();
    return refusedUntil(
      503,
      "recording_unavailable",
      "the exchange could not be recorded, so its answer is withheld",
      5,
    );
  }
  const broken = await finishClient(tools, exchange, outcome);
  const end = { status: outcome.status, latencyMs, facts, broken };
  return granted(again === undefined ? end : { ...end, again });
};

const succeeded = (ended: Granted<Ended>): boolean =>
  ended.kind === "granted" && ended.value.status >= 200 && ended.value.status < 300;

/**
 * Carries one exchange out and records it. The client learns of its end only when the MODEL_CALL frame is on disk; where that
 * fails the connection is cut, since an exchange that is in no record must not count as done. What the gateway added to the
 * request and the endpoint may have refused is left out in a second exchange; whether that was it is remembered for the Model.
 */
export const runExchange = async (tools: ExchangeTools, exchange: Exchange): Promise<Granted<ExchangeEnd>> => {
  const { usage } = tools;
  const { model, body } = exchange;
  const ended = await carryOutAndRecord(tools, exchange);
  if (body.added !== undefined && succeeded(ended)) usage.remember(model, "takes");
  if (ended.kind === "refused" || ended.value.again === undefined) return ended;
  const own = await tools.bodies.run(ownerOf(exchange.agent), { kind: "without_addition", body });
  if (own.kind === "refused") return own;
  const plain = await carryOutAndRecord(tools, { ...exchange, body: own.value });
  // One that took it before refused something else, or is several endpoints behind one name.
  if (succeeded(plain) && usage.verdictOf(model) === undefined) usage.remember(model, "refuses");
  return plain;
};
