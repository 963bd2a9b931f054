import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { ChatRequest } from "#test/model-server/conversation.ts";
import { sendError, sendFault, sendJson } from "#test/model-server/faults.ts";
import { play, waited, type ScenarioServerOptions } from "#test/model-server/play.ts";
import { anthropic } from "#test/model-server/protocols/anthropic.ts";
import { chatCompletions } from "#test/model-server/protocols/chat-completions.ts";
import { gemini } from "#test/model-server/protocols/gemini.ts";
import type { Protocol, Turn } from "#test/model-server/protocols/protocol.ts";
import { responses } from "#test/model-server/protocols/responses.ts";
import type { Scenario } from "#test/model-server/scenario.ts";
import { serveSocket } from "#test/model-server/socket.ts";

const maxRequestBytes = 32 * 1024 * 1024;

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxRequestBytes) throw new Error(`the request is larger than ${maxRequestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

/** Each provider's clients have their own header for the key. */
const keyOf = ({ headers }: IncomingMessage): string =>
  String(headers["x-goog-api-key"] ?? headers["x-api-key"] ?? headers.authorization?.replace(/^Bearer /, "") ?? "");

/** The scenario's name is the API key (`scenario:<name>`) or else the model's name (`scenario/<name>` or `<name>`). */
const scenarioName = (key: string, model: string): string =>
  /^scenario:(\S+)$/.exec(key)?.[1] ?? model.replace(/^scenario\//, "");

/** How a call is told to be streamed: in the request, or by Gemini's path, there as a list where no events are asked for. */
type Form = { protocol: Protocol; model?: string; streamed?: "events" | "list" | "no" };

const geminiCall = /^\/v1(?:beta)?\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;

const formOf = ({ pathname, searchParams }: URL): Form | undefined => {
  const [, model, method] = geminiCall.exec(pathname) ?? [];
  if (model !== undefined) {
    const asked = searchParams.get("alt") === "sse" ? "events" : "list";
    return { protocol: gemini, model, streamed: method === "generateContent" ? "no" : asked };
  }
  const path = pathname.replace(/^\/v1\//, "/");
  const byPath = { "/chat/completions": chatCompletions, "/responses": responses, "/messages": anthropic };
  const protocol = byPath[path as keyof typeof byPath];
  return protocol === undefined ? undefined : { protocol };
};

const sendStream = (response: ServerResponse, { protocol }: Form, turn: Turn): void => {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const { event, data } of protocol.stream(turn))
    response.write(`${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`);
  response.end(protocol.end ?? "");
};

const sendTurn = (response: ServerResponse, form: Form, turn: Turn): void => {
  const streamed = form.streamed ?? (turn.request.stream === true ? "events" : "no");
  if (streamed === "events") return sendStream(response, form, turn);
  const list = (): unknown => form.protocol.stream(turn).map(({ data }) => data);
  sendJson(response, 200, streamed === "list" ? list() : form.protocol.whole(turn));
};

const parse = ({ protocol, model }: Form, body: string): ChatRequest | undefined => {
  try {
    return protocol.read(JSON.parse(body), model);
  } catch {
    return undefined;
  }
};

const answerCall = async (
  options: ScenarioServerOptions,
  form: Form,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const request = parse(form, await readBody(incoming));
  if (request === undefined) return sendError(response, 400, "invalid_request", "this is no request of its protocol");
  const played = play(options, scenarioName(keyOf(incoming), request.model), request);
  if (played.kind === "unplayed") return sendError(response, played.status, played.type, played.message);
  if (played.kind === "fault") return sendFault(response, played.fault);
  if (await waited(options.clock, played.delayMs, response)) sendTurn(response, form, played.turn);
};

const listModels = (scenarios: ReadonlyMap<string, Scenario>): unknown => ({
  object: "list",
  data: [...scenarios.keys()].map((name) => ({ id: `scenario/${name}`, object: "model", owned_by: "enchanted" })),
});

const route = async (
  options: ScenarioServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const url = new URL(request.url ?? "/", "http://scenario");
  const form = request.method === "POST" ? formOf(url) : undefined;
  if (form !== undefined) return answerCall(options, form, request, response);
  const path = url.pathname.replace(/^\/v1\//, "/");
  switch (`${request.method ?? ""} ${path}`) {
    case "GET /models":
      return sendJson(response, 200, listModels(options.scenarios));
    case "GET /state":
      return sendJson(response, 200, options.journal.state());
    case "POST /reset":
      options.journal.reset();
      return sendJson(response, 200, {});
    case "GET /healthz":
      return sendJson(response, 200, { scenarios: options.scenarios.size });
    default:
      return sendError(response, 404, "not_found", `no ${request.method} ${path} here`);
  }
};

const upgrade = (options: ScenarioServerOptions, request: IncomingMessage, socket: Duplex): void => {
  const { pathname } = new URL(request.url ?? "/", "http://scenario");
  if (/^(\/v1)?\/responses$/.test(pathname) && request.headers.upgrade?.toLowerCase() === "websocket")
    return serveSocket(options, request, socket, (model) => scenarioName(keyOf(request), model));
  socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
};

/** Creates the server; the caller listens and closes. A request that fails inside is answered with 500 and remembered. */
export const createScenarioServer = (options: ScenarioServerOptions): Server =>
  createServer((request, response) => {
    route(options, request, response).catch((error: unknown) => {
      options.journal.failed({ scenario: "", turn: -1, problem: String(error) });
      if (response.headersSent) response.destroy();
      else sendError(response, 500, "scenario_server_failed", String(error));
    });
  }).on("upgrade", (request, socket) => upgrade(options, request, socket));
