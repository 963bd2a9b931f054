import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { requestIdOf } from "#nervous-system/codecs/exchange/model-call-members.ts";
import type { ReadAnswer } from "#nervous-system/codecs/exchange/read-answer.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import type { AdmittedCall } from "#pipeline/gateway/admit-model-call.ts";
import type { Broken } from "#pipeline/gateway/broken.ts";
import type { BoundAgent } from "#pipeline/gateway/await-binding.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import type { CallShare } from "#pipeline/gateway/call-room.ts";
import { endClient, unreadMessage, type Written } from "#pipeline/gateway/client-end.ts";
import { parseTraceparent, renderExchangeFrame } from "#pipeline/gateway/model-call-frame.ts";
import { readModelKey } from "#pipeline/gateway/model-key.ts";
import type { BlobWriter, FrameWriter } from "#pipeline/gateway/ports.ts";
import {
  granted,
  refused,
  refusedUntil,
  renderRefusal,
  type Granted,
  type Refusal,
} from "#pipeline/gateway/refusal.ts";
import { readRefusal } from "#pipeline/gateway/read-refusal.ts";
import { relayAnswer } from "#pipeline/gateway/relay.ts";
import { upstreamUrl, type ModelRoute } from "#pipeline/gateway/routes.ts";
import { askUpstream, type UpstreamAnswer, type UpstreamRequest } from "#pipeline/gateway/upstream.ts";
import { computeUpstreamHeaders, withoutAddition, type UpstreamBody } from "#pipeline/gateway/upstream-request.ts";
import type { UsageMemory } from "#pipeline/gateway/usage-memory.ts";

/** What exchanges are carried out with. */
export type ExchangeTools = {
  readonly view: Pick<ClusterView, "secret">;
  readonly frames: FrameWriter;
  readonly blobs: BlobWriter;
  readonly clock: Clock;
  readonly log: Log;
  readonly addresses: AddressPolicy;
  readonly ca: readonly string[] | undefined;
  readonly answerWithinMs: number;
  readonly idleMs: number;
  readonly maxAnswerBytes: number;
  readonly usage: UsageMemory;
};

/** One admitted call, with its body ready for the provider. */
export type Exchange = AdmittedCall &
  BoundAgent & {
    readonly route: ModelRoute;
    readonly body: UpstreamBody;
    readonly incoming: IncomingMessage;
    readonly client: ServerResponse;
    readonly share: CallShare;
    readonly signal: AbortSignal;
  };

type Outcome = Pick<ReadAnswer, "facts" | "unread"> & {
  readonly status: number;
  readonly answer: Buffer;
  readonly requestId?: string | undefined;
  /** When the model began to speak in a stream, by the monotonic clock. */
  readonly firstContentMs?: number;
  readonly broken?: Broken | undefined;
  /** Set where the provider refused what the agent had not asked for: the client is told nothing of that. */
  readonly again?: true;
  /** Tells the client the rest, once the frame is written. */
  readonly finish: () => Promise<Written>;
};

// A collector that restarts is back within these; an agent waits for its answer longer than that anyway.
const putPausesMs = [500, 2_000, 5_000];

/** Stores a blob, trying again while the collector is away and nobody stops it; rejects with the last failure. */
const putPatiently = async (
  tools: ExchangeTools,
  namespace: string,
  bytes: Buffer,
  signal?: AbortSignal,
): Promise<string> => {
  for (const pauseMs of putPausesMs) {
    try {
      return await tools.blobs.put(namespace, bytes);
    } catch (error) {
      tools.log.warn({ err: error, pauseMs }, "a blob of a model call could not be stored; trying again");
      await tools.clock.sleep(pauseMs, signal);
    }
  }
  return tools.blobs.put(namespace, bytes);
};

const putRequest = async (tools: ExchangeTools, exchange: Exchange): Promise<Granted<string>> => {
  const { mission, body, signal } = exchange;
  if (!tools.frames.healthy())
    return refusedUntil(503, "recording_unavailable", "the gateway cannot write its record at present", 5);
  try {
    return granted(await putPatiently(tools, mission.metadata.namespace ?? "", body.bytes, signal));
  } catch (error) {
    if (signal.aborted) return refused(400, "client_gone", "the client went away before its request was recorded");
    tools.log.warn({ err: error }, "the blob of a model request could not be stored");
    return refusedUntil(503, "recording_unavailable", "the request could not be recorded, so it is not sent", 5);
  }
};

const prepare = async (tools: ExchangeTools, exchange: Exchange): Promise<Granted<UpstreamRequest>> => {
  const { model, route, body } = exchange;
  const key = await readModelKey(tools.view, model);
  if (key.kind === "refused") return refusedUntil(503, "model_key_unusable", key.message, 10);
  const url = upstreamUrl(model.spec.endpoint, route.operation);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const target = await resolveTarget({ host: url.hostname, port }, tools.addresses);
  if (target.kind === "refused") return target;
  return granted({
    url,
    target: target.value,
    method: "POST",
    headers: computeUpstreamHeaders(exchange.incoming.headers, model.spec.provider, key.apiKey),
    body: body.bytes,
    ca: tools.ca,
    answerWithinMs: tools.answerWithinMs,
    signal: exchange.signal,
    clock: tools.clock,
  });
};

type FailedAnswer = Extract<UpstreamAnswer, { kind: "failed" }>;

const brokenBy: Readonly<Record<FailedAnswer["why"], Broken["by"]>> = {
  silent: "provider_silent",
  unreachable: "provider_unreachable",
  aborted: "client_gone",
};

/** A call without an answer of the provider's own; `status` is the provider's, 0 without one. */
const unanswered = (
  tools: ExchangeTools,
  { client }: Exchange,
  status: number,
  { broken, refusal }: { readonly broken: Broken; readonly refusal: Refusal },
): Outcome => ({
  status,
  answer: Buffer.alloc(0),
  facts: {},
  broken,
  finish: async () => {
    if (client.destroyed) return "gone";
    const told = renderRefusal(refusal);
    client.writeHead(told.status, told.headers);
    return endClient(client, told.body, tools.clock);
  },
});

const failedOutcome = (tools: ExchangeTools, exchange: Exchange, { why, message }: FailedAnswer): Outcome => {
  const refusal: Refusal =
    why === "silent"
      ? { status: 504, type: "provider_timeout", message }
      : { status: 502, type: "provider_unreachable", message };
  return unanswered(tools, exchange, 0, { broken: { by: brokenBy[why], message }, refusal });
};

const redirectOutcome = (tools: ExchangeTools, exchange: Exchange, response: IncomingMessage): Outcome => {
  response.destroy();
  const message = `the endpoint redirects (${response.statusCode}); name the final address in the Model's endpoint`;
  return unanswered(tools, exchange, response.statusCode ?? 0, {
    broken: { by: "provider_redirects", message },
    refusal: { status: 502, type: "provider_redirects", message },
  });
};

const relayedOutcome = async (
  tools: ExchangeTools,
  exchange: Exchange,
  response: IncomingMessage,
): Promise<Outcome> => {
  const { client, signal, body, share } = exchange;
  const relayed = await relayAnswer({
    upstream: response,
    client,
    dropsUsageEvent: body.added !== undefined,
    idleMs: tools.idleMs,
    maxBytes: tools.maxAnswerBytes,
    take: share.takeForAnswer,
    signal,
    clock: tools.clock,
  });
  return {
    ...relayed,
    status: response.statusCode ?? 0,
    requestId: requestIdOf(response.headers),
    finish: async () => {
      if (relayed.broken === undefined) return endClient(client, relayed.kept, tools.clock);
      // A broken answer must look broken: the connection is cut instead of ended.
      client.destroy();
      return "gone";
    },
  };
};

/** A stream that is refused, maybe for the token counts that were asked for: then it is asked for again, without them. */
const refusedOutcome = async (tools: ExchangeTools, response: IncomingMessage): Promise<Outcome> => ({
  ...(await readRefusal(response, tools.idleMs, tools.clock)),
  status: response.statusCode ?? 0,
  requestId: requestIdOf(response.headers),
  again: true,
  finish: () => Promise.resolve("taken"),
});

// What providers answer to a member that they do not know.
const refusals = new Set([400, 422]);

const carryOut = async (tools: ExchangeTools, exchange: Exchange, request: UpstreamRequest): Promise<Outcome> => {
  const answer = await askUpstream(request);
  if (answer.kind === "failed") return failedOutcome(tools, exchange, answer);
  const status = answer.response.statusCode ?? 0;
  if (status >= 300 && status < 400) return redirectOutcome(tools, exchange, answer.response);
  if (exchange.body.added !== undefined && refusals.has(status)) return refusedOutcome(tools, answer.response);
  return relayedOutcome(tools, exchange, answer.response);
};

const putAnswer = async (tools: ExchangeTools, exchange: Exchange, answer: Buffer): Promise<string | undefined> => {
  if (answer.length === 0) return undefined;
  try {
    return await putPatiently(tools, exchange.mission.metadata.namespace ?? "", answer);
  } catch (error) {
    // The exchange has happened: it is recorded without its answer rather than not at all.
    tools.log.error({ err: error }, "the blob of a model's answer could not be stored");
    return undefined;
  }
};

/** How an exchange ended, for metrics. */
export type ExchangeEnd = {
  readonly status: number;
  readonly latencyMs: number;
  readonly facts: Outcome["facts"];
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
  { broken, finish }: Outcome,
): Promise<Broken | undefined> => {
  const ending = endings[await finish()];
  const why = broken ?? ending;
  const { namespace, name } = agent.metadata;
  if (why !== undefined) log.info({ by: why.by, namespace, agent: name }, `a model call broke: ${why.message}`);
  return why;
};

type Ended = ExchangeEnd & Pick<Outcome, "again">;

const carryOutAndRecord = async (tools: ExchangeTools, exchange: Exchange): Promise<Granted<Ended>> => {
  const requestBlob = await putRequest(tools, exchange);
  if (requestBlob.kind === "refused") return requestBlob;
  const request = await prepare(tools, exchange);
  if (request.kind === "refused") return request;
  const startedMs = tools.clock.monotonicMs();
  const outcome = await carryOut(tools, exchange, request.value);
  const latencyMs = Math.round(tools.clock.monotonicMs() - startedMs);
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
        answer: outcome.facts,
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
  const end = { status: outcome.status, latencyMs, facts: outcome.facts, broken };
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
  const plain = await carryOutAndRecord(tools, { ...exchange, body: withoutAddition(body) });
  // One that took it before refused something else, or is several endpoints behind one name.
  if (succeeded(plain) && usage.verdictOf(model) === undefined) usage.remember(model, "refuses");
  return plain;
};
