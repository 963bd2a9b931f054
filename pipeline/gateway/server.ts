import type { IncomingMessage, ServerResponse } from "node:http";
import { endAfterRequest } from "#nervous-system/comms/http/linger.ts";
import { serve } from "#nervous-system/comms/http/serve.ts";
import { openDoorway, peerOf, type Doorway } from "#nervous-system/comms/socket/doorway.ts";
import type { Endpoint } from "#nervous-system/kernel/endpoint.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { answerCheck } from "#pipeline/gateway/answer-check.ts";
import { answerTunnel, type TunnelTools } from "#pipeline/gateway/answer-tunnel.ts";
import { authenticate, type Credentials } from "#pipeline/gateway/authenticate.ts";
import { createCallRoom, type CallLimits } from "#pipeline/gateway/call-room.ts";
import { answerModelCall, type ModelCallTools } from "#pipeline/gateway/model-call.ts";
import type { GatewayMetrics } from "#pipeline/gateway/measure.ts";
import { refused, renderRefusal, type Granted, type Refusal } from "#pipeline/gateway/refusal.ts";
import { createTunnelRoom } from "#pipeline/gateway/tunnel-room.ts";
import { createSpending } from "#pipeline/gateway/spending.ts";
import { createUsageMemory } from "#pipeline/gateway/usage-memory.ts";
import type { TokenReviews } from "#pipeline/identity/token-reviews.ts";

/** What the gateway's server is made of. */
type GatewayServerOptions = Omit<ModelCallTools, "room" | "usage" | "spending" | "closing"> &
  Pick<TunnelTools, "limits"> & {
    readonly callLimits: CallLimits;
    readonly reviews: TokenReviews;
    /** Username of the operator's ServiceAccount, the only one that may ask for checks. */
    readonly operator: string;
    readonly tls: { readonly cert: string; readonly key: string };
    readonly listen: Endpoint;
    readonly metrics: GatewayMetrics;
    readonly log: Log;
  };

/** A listening gateway. */
type GatewayServer = {
  readonly port: number;
  /** Accepts nothing new and lets what runs end, for at most `graceMs`. */
  close(graceMs: number): Promise<void>;
};

// Every pod of a swarm comes here, with a tunnel for each connection of its package manager; one costs some thirty kilobytes.
const maxConnections = 4_096;

// One that is forgotten is asked twice once more.
const maxRememberedModels = 1_024;
const maxRememberedMissions = 10_000;

type Answering = GatewayServerOptions &
  Pick<ModelCallTools, "room" | "usage" | "spending" | "closing"> & { readonly doorway: Doorway };

const reply = ({ clock }: Answering, incoming: IncomingMessage, client: ServerResponse, refusal: Refusal): void => {
  if (client.headersSent || client.destroyed) return void client.destroy();
  const { status, headers, body } = renderRefusal(refusal);
  // What is left of the request's body must not pass for a request.
  client.writeHead(status, { ...headers, connection: "close" });
  endAfterRequest(incoming, client, body, clock);
};

const credentialsOf = ({ headers, socket }: IncomingMessage): Credentials => ({
  header: headers.authorization,
  from: socket,
});

const answerInternal = async (
  options: Answering,
  incoming: IncomingMessage,
  client: ServerResponse,
): Promise<Granted<unknown>> => {
  if (incoming.url !== "/internal/v1/check" || incoming.method !== "POST")
    return refused(404, "no_such_route", "the gateway's internal route is POST /internal/v1/check");
  const principal = await authenticate(options.reviews, credentialsOf(incoming), audience.gateway, 401);
  if (principal.kind === "refused") return principal;
  if (principal.value.username !== options.operator)
    return refused(403, "not_the_operator", `only ${options.operator} may ask for checks`);
  options.doorway.welcome(peerOf(incoming.socket));
  const result = await answerCheck(options, incoming);
  if (result.kind === "granted")
    client.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result.value));
  return result;
};

const answerModel = async (
  options: Answering,
  incoming: IncomingMessage,
  client: ServerResponse,
): Promise<Granted<unknown>> => {
  const principal = await authenticate(options.reviews, credentialsOf(incoming), audience.collector, 401);
  if (principal.kind === "refused") return principal;
  options.doorway.welcome(peerOf(incoming.socket));
  const result = await answerModelCall(options, principal.value, incoming, client);
  if (result.kind === "granted") options.metrics.exchange(result.value);
  return result;
};

const answer = async (options: Answering, incoming: IncomingMessage, client: ServerResponse): Promise<void> => {
  const internal = incoming.url?.startsWith("/internal/") === true;
  try {
    const result = await (internal ? answerInternal : answerModel)(options, incoming, client);
    if (result.kind === "granted") return;
    options.metrics.refused(result.refusal.type);
    reply(options, incoming, client, result.refusal);
  } catch (error) {
    // A client that broke off in the middle of its own request has nobody left to tell.
    if (!incoming.complete && incoming.destroyed) {
      options.metrics.refused("client_gone");
      return void client.destroy();
    }
    options.log.error({ err: error, path: incoming.url }, "a request failed for a reason of the gateway's own");
    options.metrics.refused("internal");
    const message = "the gateway failed; its log has the reason";
    reply(options, incoming, client, { status: 500, type: "internal", message });
  }
};

/** Starts the gateway's HTTPS server; rejects when the address cannot be bound. */
export const startGatewayServer = async (options: GatewayServerOptions): Promise<GatewayServer> => {
  const { clock, metrics } = options;
  const closing = new AbortController();
  const tools: TunnelTools & Answering = {
    ...options,
    doorway: openDoorway({ maxConnections, clock, onCut: metrics.connectionCut }),
    tunnels: createTunnelRoom(),
    room: createCallRoom(options.callLimits),
    usage: createUsageMemory(maxRememberedModels),
    spending: createSpending(maxRememberedMissions),
    closing: closing.signal,
  };
  const server = await serve({
    at: options.listen,
    tls: options.tls,
    doorway: tools.doorway,
    answer: (incoming, client) => answer(tools, incoming, client),
    connect: async (incoming, client, head) => {
      try {
        const result = await answerTunnel(tools, incoming, client, head);
        if (result.kind === "refused") options.metrics.refused(result.refusal.type);
        else options.metrics.tunnel(result.value);
      } catch (error) {
        options.log.error({ err: error, target: incoming.url }, "a tunnel failed for a reason of the gateway's own");
        client.destroy();
      }
    },
  });
  const close = (graceMs: number): Promise<void> => {
    closing.abort();
    return server.close(graceMs, clock);
  };
  return { port: server.port, close };
};
