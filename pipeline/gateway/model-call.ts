import type { IncomingMessage, ServerResponse } from "node:http";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { admitModelCall } from "#pipeline/gateway/admit-model-call.ts";
import { awaitBinding } from "#pipeline/gateway/await-binding.ts";
import { ownerOf } from "#pipeline/gateway/bodies/body-works.ts";
import type { CallRoom } from "#pipeline/gateway/call-room.ts";
import { runExchange, type Exchange, type ExchangeEnd, type ExchangeTools } from "#pipeline/gateway/exchange.ts";
import { outliveClient } from "#pipeline/gateway/outlive-client.ts";
import { readBody } from "#pipeline/gateway/read-body.ts";
import { refused, type Granted } from "#pipeline/gateway/refusal.ts";
import { knownRoutes, parseRoute } from "#pipeline/gateway/routes.ts";
import type { UpstreamBody } from "#pipeline/gateway/upstream-request.ts";
import type { Principal, TokenPod } from "#pipeline/identity/token-reviews.ts";

/** What model calls are answered with. */
export type ModelCallTools = Omit<ExchangeTools, "view"> & {
  readonly view: ClusterView;
  readonly maxBodyBytes: number;
  /** What the calls of all agents may hold. */
  readonly room: CallRoom;
  /** Aborts when the gateway is to stop: calls without a client end then. */
  readonly closing: AbortSignal;
};

type Unread = Omit<Exchange, "body" | "signal">;

// Apart from the exchange, which may take long and must not hold the bytes as they came beside those that go out.
const readUpstreamBody = async (
  { maxBodyBytes: maxBytes, clock, usage, bodies }: ModelCallTools,
  { incoming, route, model, share, agent }: Unread,
): Promise<Granted<UpstreamBody>> => {
  const bytes = await readBody(incoming, { maxBytes, take: share.takeForRequest, clock });
  if (bytes.kind === "refused") return bytes;
  const takesUsage = usage.verdictOf(model) !== "refuses";
  return bodies.run(ownerOf(agent), { kind: "compute", bytes: bytes.value, route, model, takesUsage });
};

const exchangeOnce = async (tools: ModelCallTools, call: Unread): Promise<Granted<ExchangeEnd>> => {
  const { signal, release } = outliveClient(call.client, tools);
  try {
    const body = await readUpstreamBody(tools, call);
    return body.kind === "refused" ? body : await runExchange(tools, { ...call, body: body.value, signal });
  } finally {
    release();
  }
};

const admitAndRun = async (
  tools: ModelCallTools,
  namespace: string,
  pod: TokenPod,
  call: Pick<Unread, "route" | "incoming" | "client" | "share">,
): Promise<Granted<ExchangeEnd>> => {
  const { view, clock } = tools;
  const bound = await awaitBinding(view, namespace, pod, clock);
  if (bound.kind === "refused") return bound;
  const { agent } = bound.value;
  const mission = view.mission({ namespace, name: agent.spec.missionRef.name });
  const admitted = admitModelCall({
    agent,
    route: call.route,
    headers: call.incoming.headers,
    mission,
    used: mission && tools.spending.usedBy(mission),
    model: view.model({ namespace, name: agent.spec.modelRef.name }),
  });
  if (admitted.kind === "refused") return admitted;
  return exchangeOnce(tools, { ...call, ...admitted.value, ...bound.value });
};

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
  // Before anything that takes time: a pod that nobody knows yet is looked for, too.
  const entered = tools.room.enter(principal.namespace, principal.pod.uid);
  if (entered.kind === "refused") return entered;
  const share = entered.value;
  try {
    return await admitAndRun(tools, principal.namespace, principal.pod, { route, incoming, client, share });
  } finally {
    share.leave();
  }
};
