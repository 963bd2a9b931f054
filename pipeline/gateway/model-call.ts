import type { IncomingMessage, ServerResponse } from "node:http";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { admitModelCall } from "#pipeline/gateway/admit-model-call.ts";
import { awaitBinding } from "#pipeline/gateway/await-binding.ts";
import { runExchange, type Exchange, type ExchangeEnd, type ExchangeTools } from "#pipeline/gateway/exchange.ts";
import { readBody } from "#pipeline/gateway/read-body.ts";
import { refused, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";
import type { CallLimiter } from "./call-limiter.ts";
import { knownRoutes, parseRoute } from "#pipeline/gateway/routes.ts";
import { computeUpstreamBody } from "#pipeline/gateway/upstream-request.ts";
import type { Principal } from "#pipeline/identity/token-reviews.ts";

/** What model calls are answered with. */
export type ModelCallTools = Omit<ExchangeTools, "view"> & {
  readonly view: ClusterView;
  readonly maxBodyBytes: number;
  /** Bounds the calls of all agents and their bodies. */
  readonly limiter: CallLimiter;
};

const abortWhenGone = (client: ServerResponse): AbortSignal => {
  const abort = new AbortController();
  client.once("close", () => {
    if (!client.writableFinished) abort.abort(new Error("the client went away"));
  });
  return abort.signal;
};

const exchangeOnce = async (
  tools: ModelCallTools,
  call: Omit<Exchange, "body" | "signal">,
): Promise<Granted<ExchangeEnd>> => {
  const signal = abortWhenGone(call.client);
  const bytes = await readBody(call.incoming, tools.maxBodyBytes);
  if (bytes.kind === "refused") return bytes;
  const body = computeUpstreamBody(bytes.value, call.route, call.model.spec.model);
  if (body.kind === "refused") return body;
  return runExchange(tools, { ...call, body: body.value, signal });
};

/** What a body will take; one that does not tell its length may be of any that is allowed. */
const expectedBytes = ({ headers }: IncomingMessage, max: number): number =>
  Math.min(Number(headers["content-length"] ?? max), max);

/** Answers one model call of a pod. */
export const answerModelCall = async (
  tools: ModelCallTools,
  principal: Principal,
  incoming: IncomingMessage,
  client: ServerResponse,
): Promise<Granted<ExchangeEnd>> => {
  const route = parseRoute(incoming.url ?? "");
  if (route === undefined) return refused(404, "no_such_route", `the gateway serves ${knownRoutes().join(", ")}`);
  if (incoming.method !== "POST") return refused(405, "method_not_allowed", "model calls are POST requests");
  if (principal.pod === undefined) return refused(403, "not_a_pod", "this token was not issued to a pod");
  const { view, clock } = tools;
  const { namespace } = principal;
  const bound = await awaitBinding(view, namespace, principal.pod, clock);
  if (bound.kind === "refused") return bound;
  const { agent } = bound.value;
  const admitted = admitModelCall({
    agent,
    route,
    mission: view.mission({ namespace, name: agent.spec.missionRef.name }),
    model: view.model({ namespace, name: agent.spec.modelRef.name }),
  });
  if (admitted.kind === "refused") return admitted;
  const leave = tools.limiter.enter(agent.metadata.uid, expectedBytes(incoming, tools.maxBodyBytes));
  if (leave === "yours") return refusedUntil(429, "too_many_calls", "wait for the calls that are under way", 2);
  if (leave === "everybody's") return refusedUntil(503, "gateway_busy", "the gateway works on all it can hold", 2);
  try {
    return await exchangeOnce(tools, { ...admitted.value, ...bound.value, route, incoming, client });
  } finally {
    leave();
  }
};
