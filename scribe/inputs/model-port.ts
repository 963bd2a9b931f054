import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent } from "node:https";
import { serve, type HttpServer } from "#nervous-system/comms/http/serve.ts";
import { LOOPBACK, MAX_POD_CONNECTIONS, type Place } from "#nervous-system/comms/socket/listen.ts";
import type { Endpoint } from "#nervous-system/kernel/endpoint.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import {
  answerOn,
  carryCall,
  carryWebSocket,
  refuseCall,
  type CallRefusal,
  type CarriedCall,
  type PassedHeaders,
} from "./carry-call.ts";
import { isModelPath, passedHeaders } from "./model-headers.ts";

/** A port on loopback that passes calls of models on, WebSockets among them. */
type ModelPortOptions = {
  at: Place;
  maxConnections?: number;
  /** Of one request, 16 KiB without it. */
  maxHeaderBytes?: number;
  passed: PassedHeaders;
  /** Where a call goes, or why it goes nowhere. */
  route: (incoming: IncomingMessage) => Promise<CarriedCall | CallRefusal> | CarriedCall | CallRefusal;
};

/** Listens and carries each call where its route says; rejects when the place cannot be had. */
export const openModelPort = ({ passed, route, ...bounds }: ModelPortOptions): Promise<HttpServer> => {
  const answerBy = async (carry: typeof carryCall, incoming: IncomingMessage, answer: ServerResponse) => {
    const way = await route(incoming);
    if ("status" in way) refuseCall(answer, way);
    else if (!answer.destroyed) carry(incoming, answer, way, passed);
  };
  return serve({
    ...bounds,
    requestMs: 0, // a prompt takes the time that its program takes to write it
    answer: (incoming, answer) => answerBy(carryCall, incoming, answer),
    webSocket: (incoming, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      return answerBy(carryWebSocket, incoming, answerOn(incoming, socket));
    },
  });
};

/** Where the gateway is, and who calls it. */
type GatewayCallsOptions = {
  port: number;
  /** See `Place`. */
  reusePort?: boolean;
  gateway: Endpoint;
  caPem: string;
  token: () => Promise<string>;
  log: Log;
};

const UNREACHABLE = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);

const explain = ({ code = "", message }: NodeJS.ErrnoException): CallRefusal =>
  UNREACHABLE.has(code)
    ? { status: 503, type: "gateway_unavailable", message: `the model gateway does not answer (${code}); try again` }
    : { status: 502, type: "gateway_failed", message: `the way to the model gateway broke: ${message}` };

const elsewhere = {
  status: 404,
  type: "not_found",
  message: "this port serves /openai/v1/… and /anthropic/v1/… only",
};
/** By this status OpenAI's clients know at once that they must ask over HTTP; after any other they try for seconds. */
const noWebSocket = {
  status: 426,
  type: "no_websocket",
  message: "the gateway has no WebSocket; ask over HTTP",
};
const noToken = {
  status: 503,
  type: "token_unavailable",
  message: "the pod's token cannot be read; try again",
};

/** Passes model calls to the gateway, with the pod's token in place of whatever the agent sent. */
export const listenForModels = async (options: GatewayCallsOptions): Promise<HttpServer> => {
  const { port, reusePort, gateway, caPem, token, log } = options;
  // Keeps nothing alive: a connection of its own is none that the gateway is closing just as the call comes.
  const agent = new Agent({ ca: caPem });
  const route = async ({ url: path = "", headers: asked }: IncomingMessage): Promise<CarriedCall | CallRefusal> => {
    if (!isModelPath(path)) return elsewhere;
    if (asked.upgrade?.toLowerCase() === "websocket") return noWebSocket;
    try {
      const headers = { authorization: `Bearer ${await token()}` };
      return { to: { ...gateway, agent, path }, headers, explain };
    } catch (error) {
      log.error({ error: String(error) }, "a model call could not be passed on");
      return noToken;
    }
  };
  const at = { host: LOOPBACK, port, reusePort };
  const server = await openModelPort({ at, maxConnections: MAX_POD_CONNECTIONS, passed: passedHeaders, route });
  const close = async (): Promise<void> => {
    await server.close();
    agent.destroy();
  };
  return { ...server, close };
};
