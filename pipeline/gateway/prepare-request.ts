import type { IncomingMessage } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Agent, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import { ownerOf } from "#pipeline/gateway/bodies/body-works.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import type { Lookups } from "#pipeline/gateway/lookups.ts";
import { readModelKey } from "#pipeline/gateway/model-key.ts";
import { granted, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";
import { parseModelEndpoint, upstreamUrl, type ModelRoute } from "#pipeline/gateway/routes.ts";
import type { UpstreamRequest } from "#pipeline/gateway/upstream.ts";
import { computeUpstreamHeaders, type UpstreamBody } from "#pipeline/gateway/upstream-request.ts";

/** What requests to providers are made with. */
export type RequestTools = {
  readonly view: Pick<ClusterView, "secret">;
  readonly addresses: AddressPolicy;
  readonly lookups: Lookups;
  readonly ca: readonly string[] | undefined;
  readonly answerWithinMs: number;
  readonly clock: Pick<Clock, "after">;
};

/** One call, with its body ready for the provider. */
export type ReadyCall = {
  readonly agent: Agent;
  readonly model: Model;
  readonly route: ModelRoute;
  readonly body: UpstreamBody;
  readonly incoming: IncomingMessage;
  readonly signal: AbortSignal;
};

/** Makes the provider's request of a call: the Model's key, and an address that the gateway may connect to. */
export const prepareRequest = async (tools: RequestTools, call: ReadyCall): Promise<Granted<UpstreamRequest>> => {
  const { agent, model, route, body, incoming, signal } = call;
  const endpoint = parseModelEndpoint(model);
  if (endpoint.kind === "refused") return endpoint;
  const key = await readModelKey(tools.view, model, endpoint.value.host);
  if (key.kind === "refused") return refusedUntil(503, "model_key_unusable", key.message, 10);
  const url = upstreamUrl(endpoint.value, route.operation);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const target = await resolveTarget({ host: url.hostname, port }, tools.addresses, tools.lookups.of(ownerOf(agent)));
  if (target.kind === "refused") return target;
  return granted({
    url,
    target: target.value,
    method: "POST",
    headers: computeUpstreamHeaders(incoming.headers, model.spec.provider, key.apiKey),
    apiKey: key.apiKey,
    body: body.bytes,
    ca: tools.ca,
    answerWithinMs: tools.answerWithinMs,
    signal,
    clock: tools.clock,
  });
};
