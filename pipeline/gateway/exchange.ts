import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import type { AdmittedCall } from "#pipeline/gateway/admit-model-call.ts";
import type { BoundAgent } from "#pipeline/gateway/await-binding.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { parseTraceparent, renderModelCall } from "#pipeline/gateway/model-call-frame.ts";
import { readModelKey } from "#pipeline/gateway/model-key.ts";
import type { BlobWriter, FrameWriter } from "#pipeline/gateway/ports.ts";
import { granted, refused, refusedUntil, renderRefusal, type Granted } from "#pipeline/gateway/refusal.ts";
import { relayAnswer } from "#pipeline/gateway/relay.ts";
import { upstreamUrl, type ModelRoute } from "#pipeline/gateway/routes.ts";
import { askUpstream, type UpstreamAnswer, type UpstreamRequest } from "#pipeline/gateway/upstream.ts";
import { computeUpstreamHeaders, type UpstreamBody } from "#pipeline/gateway/upstream-request.ts";

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
};

/** One admitted call, with its body ready for the provider. */
export type Exchange = AdmittedCall &
  BoundAgent & {
    readonly route: ModelRoute;
    readonly body: UpstreamBody;
    readonly incoming: IncomingMessage;
    readonly client: ServerResponse;
    readonly signal: AbortSignal;
  };

type Outcome = {
  readonly status: number;
  readonly answer: Buffer;
  readonly facts: Parameters<typeof renderModelCall>[0]["answer"];
  readonly error?: string | undefined;
  /** Tells the client the rest, once the frame is written. */
  readonly finish: () => void;
};

// A collector that restarts is back within these; an agent waits for its answer longer than that anyway.
const putPausesMs = [500, 2_000, 5_000];

/** Stores a blob, trying again while the collector is away; rejects with the last failure. */
const putPatiently = async (tools: ExchangeTools, namespace: string, bytes: Buffer): Promise<string> => {
  for (const pauseMs of putPausesMs) {
    try {
      return await tools.blobs.put(namespace, bytes);
    } catch (error) {
      tools.log.warn({ err: error, pauseMs }, "a blob of a model call could not be stored; trying again");
      await tools.clock.sleep(pauseMs);
    }
  }
  return tools.blobs.put(namespace, bytes);
};

const putRequest = async (tools: ExchangeTools, exchange: Exchange): Promise<Granted<string>> => {
  if (!tools.frames.healthy())
    return refusedUntil(503, "recording_unavailable", "the gateway cannot write its record at present", 5);
  try {
    return granted(await putPatiently(tools, exchange.mission.metadata.namespace ?? "", exchange.body.bytes));
  } catch (error) {
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

const sendRefusal = (client: ServerResponse, result: ReturnType<typeof refused>): void => {
  if (result.kind === "granted" || client.headersSent) return;
  const { status, headers, body } = renderRefusal(result.refusal);
  client.writeHead(status, headers).end(body);
};

const failedOutcome = (exchange: Exchange, answer: Extract<UpstreamAnswer, { kind: "failed" }>): Outcome => ({
  status: 0,
  answer: Buffer.alloc(0),
  facts: {},
  error: answer.message,
  finish: () =>
    sendRefusal(
      exchange.client,
      answer.why === "timeout"
        ? refused(504, "provider_timeout", answer.message)
        : refused(502, "provider_unreachable", answer.message),
    ),
});

const redirectOutcome = (exchange: Exchange, response: IncomingMessage): Outcome => {
  response.destroy();
  const error = `the endpoint redirects (${response.statusCode}); name the final address in the Model's endpoint`;
  return {
    status: response.statusCode ?? 0,
    answer: Buffer.alloc(0),
    facts: {},
    error,
    finish: () => sendRefusal(exchange.client, refused(502, "provider_redirects", error)),
  };
};

const relayedOutcome = async (
  tools: ExchangeTools,
  exchange: Exchange,
  response: IncomingMessage,
): Promise<Outcome> => {
  const { client, signal, body } = exchange;
  const relayed = await relayAnswer({
    upstream: response,
    client,
    dropsUsageEvent: body.dropsUsageEvent,
    idleMs: tools.idleMs,
    maxBytes: tools.maxAnswerBytes,
    signal,
    clock: tools.clock,
  });
  return {
    status: response.statusCode ?? 0,
    answer: relayed.answer,
    facts: relayed.facts,
    error: relayed.error,
    // A broken answer must look broken: the connection is cut instead of ended.
    finish: () => (relayed.error === undefined ? client.end(relayed.kept) : client.destroy()),
  };
};

const carryOut = async (tools: ExchangeTools, exchange: Exchange, request: UpstreamRequest): Promise<Outcome> => {
  const answer = await askUpstream(request);
  if (answer.kind === "failed") return failedOutcome(exchange, answer);
  const status = answer.response.statusCode ?? 0;
  if (status >= 300 && status < 400) return redirectOutcome(exchange, answer.response);
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
export type ExchangeEnd = { readonly status: number; readonly latencyMs: number; readonly facts: Outcome["facts"] };

/**
 * Carries one exchange out and records it. The client learns of its end only when the MODEL_CALL frame is on disk; where that
 * fails the connection is cut, since an exchange that is in no record must not count as done.
 */
export const runExchange = async (tools: ExchangeTools, exchange: Exchange): Promise<Granted<ExchangeEnd>> => {
  const requestBlob = await putRequest(tools, exchange);
  if (requestBlob.kind === "refused") return requestBlob;
  const request = await prepare(tools, exchange);
  if (request.kind === "refused") return request;
  const startedMs = tools.clock.monotonicMs();
  const outcome = await carryOut(tools, exchange, request.value);
  const latencyMs = Math.round(tools.clock.monotonicMs() - startedMs);
  const answerBlob = await putAnswer(tools, exchange, outcome.answer);
  try {
    await tools.frames.write(
      renderModelCall({
        ...exchange,
        contextWindow: exchange.body.contextWindow,
        requestBlob: requestBlob.value,
        answer: outcome.facts,
        answerBlob,
        status: outcome.status,
        latencyMs,
        error: outcome.error,
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
  outcome.finish();
  return granted({ status: outcome.status, latencyMs, facts: outcome.facts });
};
