import {
  request as httpRequest,
  ServerResponse,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { join } from "../tunnel/join.ts";

/** What a caller is told in place of an answer. */
export type CallRefusal = { status: number; type: string; message: string };

/** A call on its way. */
export type CarriedCall = {
  to: RequestOptions;
  /** Headers beside those that travel on. */
  headers: OutgoingHttpHeaders;
  /** What a failure of the way means for the caller; where it is undefined, the caller's connection is cut. */
  explain: (error: NodeJS.ErrnoException) => CallRefusal | undefined;
  /** Sees the request before anything is sent. */
  watch?: (outgoing: ClientRequest, incoming: IncomingMessage, answer: ServerResponse) => void;
  /** Sees the two ends of a WebSocket before anything has passed. */
  watchWebSocket?: (client: Duplex, upstream: Duplex) => void;
};

/** The headers that travel on, in either direction. */
export type PassedHeaders = (headers: IncomingHttpHeaders) => OutgoingHttpHeaders;

/** Answers a call by the reason why it goes nowhere. */
export const refuseCall = (answer: ServerResponse, { status, type, message }: CallRefusal): void => {
  if (answer.headersSent) return void answer.destroy(); // a cut stream is the only honest sign in the middle of an answer
  const retry = status === 503 ? { "retry-after": "2" } : {};
  answer.writeHead(status, { "content-type": "application/json", ...retry });
  answer.end(JSON.stringify({ error: { type, message } }));
};

const passAnswer = (outgoing: ClientRequest, answer: ServerResponse, passed: PassedHeaders): void => {
  outgoing.once("response", (response) => {
    answer.writeHead(response.statusCode ?? 502, passed(response.headers));
    // One packet for what came in one.
    const { socket } = answer;
    socket?.cork();
    setImmediate(() => socket?.uncork());
    answer.flushHeaders();
    response.pipe(answer);
    response.once("error", () => answer.destroy());
  });
  answer.once("close", () => outgoing.destroy());
};

type Carrying = { incoming: IncomingMessage; answer: ServerResponse; call: CarriedCall; passed: PassedHeaders };

/** What is passed on goes first, so that nobody waits for whoever watches. */
const send = ({ incoming, answer, call, passed }: Carrying, headers: OutgoingHttpHeaders): ClientRequest => {
  const request = call.to.protocol === "http:" ? httpRequest : httpsRequest;
  const outgoing = request({ ...call.to, method: incoming.method, headers });
  passAnswer(outgoing, answer, passed);
  outgoing.on("error", (error) => {
    // Closed just as the call came, or taken and not answered: the caller's own connection would be cut, and it knows what then.
    const why = outgoing.reusedSocket ? undefined : call.explain(error);
    if (why === undefined) answer.destroy();
    else refuseCall(answer, why);
  });
  call.watch?.(outgoing, incoming, answer);
  return outgoing;
};

/** Carries a call and its answer, streamed both ways. */
export const carryCall = (
  incoming: IncomingMessage,
  answer: ServerResponse,
  call: CarriedCall,
  passed: PassedHeaders,
): void => {
  const outgoing = send({ incoming, answer, call, passed }, { ...passed(incoming.headers), ...call.headers });
  incoming.pipe(outgoing);
};

/** An answer to a request that Node has handed over with its connection; the connection ends with it. */
export const answerOn = (incoming: IncomingMessage, socket: Duplex): ServerResponse => {
  const answer = new ServerResponse(incoming);
  answer.shouldKeepAlive = false;
  answer.assignSocket(socket as Socket); // net or TLS, as of every HTTP server
  answer.once("finish", () => socket.end());
  return answer;
};

const openingLines = (response: IncomingMessage): string => {
  const { rawHeaders } = response;
  const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []));
  return [`HTTP/1.1 101 ${response.statusMessage ?? ""}`, ...lines, "", ""].join("\r\n");
};

/**
 * Carries a WebSocket: asks for it on the other side as the caller did and joins the two, or passes on why the other side has
 * none. Extensions are not asked for, so that whoever watches reads the messages that pass.
 */
export const carryWebSocket = (
  incoming: IncomingMessage,
  answer: ServerResponse,
  call: CarriedCall,
  passed: PassedHeaders,
): void => {
  const { "sec-websocket-extensions": _, ...headers } = { ...passed(incoming.headers), ...call.headers };
  const upgrade = { connection: "Upgrade", upgrade: "websocket" };
  const outgoing = send({ incoming, answer, call, passed }, { ...headers, ...upgrade });
  outgoing.once("upgrade", (response, upstream, early) => {
    const client = answer.socket;
    if (client === null || client.destroyed) return void upstream.destroy();
    answer.detachSocket(client);
    client.write(openingLines(response));
    if (early.length > 0) upstream.unshift(early);
    call.watchWebSocket?.(client, upstream);
    join(client, upstream);
  });
  outgoing.end();
};
