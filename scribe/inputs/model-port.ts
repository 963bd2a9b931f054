import {
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { serve, type HttpServer } from "#nervous-system/comms/http/serve.ts";
import { LOOPBACK, MAX_POD_CONNECTIONS } from "#nervous-system/comms/socket/listen.ts";
import type { Endpoint } from "#nervous-system/kernel/endpoint.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { isModelPath, passedHeaders } from "./model-headers.ts";

/** What a caller is told in place of an answer. */
export type CallRefusal = { status: number; type: string; message: string };

/** A call on its way. */
export type CarriedCall = {
  to: RequestOptions;
  /** Headers beside those that travel on. */
  headers: OutgoingHttpHeaders;
  /** What a failure of the way means for the caller. */
  explain: (error: NodeJS.ErrnoException) => CallRefusal;
  /** Sees the request before anything is sent. */
  watch?: (outgoing: ClientRequest, incoming: IncomingMessage, answer: ServerResponse) => void;
};

/** A port on loopback that passes calls of models on, streamed both ways. */
type ModelPortOptions = {
  /** 0 takes a free one. */
  port: number;
  maxConnections?: number;
  /** The headers that travel on, in either direction. */
  passed: (headers: IncomingHttpHeaders) => OutgoingHttpHeaders;
  /** Where a call goes, or why it goes nowhere. */
  route: (incoming: IncomingMessage) => Promise<CarriedCall | CallRefusal> | CarriedCall | CallRefusal;
};

const refuse = (answer: ServerResponse, { status, type, message }: CallRefusal): void => {
  if (answer.headersSent) return void answer.destroy(); // a cut stream is the only honest sign in the middle of an answer
  const retry = status === 503 ? { "retry-after": "2" } : {};
  answer.writeHead(status, { "content-type": "application/json", ...retry });
  answer.end(JSON.stringify({ error: { type, message } }));
};

const carry = (
  incoming: IncomingMessage,
  answer: ServerResponse,
  call: CarriedCall,
  passed: ModelPortOptions["passed"],
): void => {
  const headers = { ...passed(incoming.headers), ...call.headers };
  const send = call.to.protocol === "http:" ? httpRequest : httpsRequest;
  const outgoing = send({ ...call.to, method: incoming.method, headers });
  call.watch?.(outgoing, incoming, answer);
  outgoing.once("response", (response) => {
    answer.writeHead(response.statusCode ?? 502, passed(response.headers));
    answer.flushHeaders();
    response.pipe(answer);
    response.once("error", () => answer.destroy());
  });
  outgoing.on("error", (error) => refuse(answer, call.explain(error)));
  answer.once("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
};

/** Listens on loopback and carries each call where its route says; rejects when the port is taken. */
export const openModelPort = ({ port, maxConnections, passed, route }: ModelPortOptions): Promise<HttpServer> =>
  serve({
    at: { host: LOOPBACK, port },
    maxConnections,
    requestMs: 0, // a prompt takes the time that its program takes to write it
    answer: async (incoming, answer) => {
      const way = await route(incoming);
      if ("status" in way) refuse(answer, way);
      else if (!answer.destroyed) carry(incoming, answer, way, passed);
    },
  });

/** Where the gateway is, and who calls it. */
type GatewayCallsOptions = {
  port: number;
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
const noToken = {
  status: 503,
  type: "token_unavailable",
  message: "the pod's token cannot be read; try again",
};

/** Passes model calls to the gateway, with the pod's token in place of whatever the agent sent. */
export const listenForModels = async (options: GatewayCallsOptions): Promise<HttpServer> => {
  const { port, gateway, caPem, token, log } = options;
  const agent = new Agent({ keepAlive: true, ca: caPem, maxSockets: 64 });
  const route = async ({ url: path = "" }: IncomingMessage): Promise<CarriedCall | CallRefusal> => {
    if (!isModelPath(path)) return elsewhere;
    try {
      const headers = { authorization: `Bearer ${await token()}` };
      return { to: { ...gateway, agent, path }, headers, explain };
    } catch (error) {
      log.error({ error: String(error) }, "a model call could not be passed on");
      return noToken;
    }
  };
  const server = await openModelPort({ port, maxConnections: MAX_POD_CONNECTIONS, passed: passedHeaders, route });
  const close = async (): Promise<void> => {
    await server.close();
    agent.destroy();
  };
  return { port: server.port, close };
};
