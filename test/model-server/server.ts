import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { renderChunks, renderCompletion } from "#test/model-server/completion.ts";
import { chatRequest, type ChatRequest } from "#test/model-server/conversation.ts";
import { decide, type Decision } from "#test/model-server/decide.ts";
import type { Journal } from "#test/model-server/journal.ts";
import type { Fault, Scenario } from "#test/model-server/scenario.ts";

/** What a scenario server needs. */
export type ScenarioServerOptions = {
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly journal: Journal;
  readonly clock: Clock;
};

const maxRequestBytes = 32 * 1024 * 1024;

const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
};

const errorBody = (type: string, message: string): object => ({ error: { type, code: type, message } });

const sendError = (response: ServerResponse, status: number, type: string, message: string): void =>
  sendJson(response, status, errorBody(type, message));

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

/** The scenario's name is the API key (`scenario:<name>`) or else the model's name (`scenario/<name>` or `<name>`). */
const scenarioName = (authorization: string | undefined, model: string): string =>
  /^Bearer scenario:(\S+)$/.exec(authorization ?? "")?.[1] ?? model.replace(/^scenario\//, "");

const flood = (response: ServerResponse, chunkBytes: number): void => {
  response.writeHead(200, { "content-type": "application/json" });
  const chunk = " ".repeat(chunkBytes);
  const pour = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", pour);
  pour();
};

const sendFault = (response: ServerResponse, fault: Exclude<Fault, { kind: "slow" }>): void => {
  switch (fault.kind) {
    case "rate-limited": {
      const after = fault.retryAfterSeconds;
      const headers = after === undefined ? {} : { "retry-after": String(after) };
      return sendJson(response, 429, errorBody("rate_limit_exceeded", "too many requests"), headers);
    }
    case "status":
      return sendError(response, fault.status, "server_error", `the scenario answers with status ${fault.status}`);
    case "disconnect":
      response.socket?.destroy();
      return;
    case "garbage":
      response.writeHead(200, { "content-type": "application/json" }).end('{"choices": [{"message": oops');
      return;
    case "flood":
      return flood(response, fault.chunkBytes);
  }
};

const sendAnswer = (
  response: ServerResponse,
  request: ChatRequest,
  decision: Extract<Decision, { kind: "answer" }>,
  created: number,
): void => {
  if (request.stream !== true)
    return sendJson(response, 200, renderCompletion(request, decision.answer, decision.turn, created));
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const chunk of renderChunks(request, decision.answer, decision.turn, created))
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  response.end("data: [DONE]\n\n");
};

const parseChat = (body: string): ChatRequest | undefined => {
  try {
    return chatRequest.parse(JSON.parse(body));
  } catch {
    return undefined;
  }
};

/** Waits before an answer; false when the client has gone meanwhile. */
const waited = async (clock: Clock, delayMs: number, response: ServerResponse): Promise<boolean> => {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return clock.sleep(delayMs, gone.signal).then(
    () => true,
    () => false,
  );
};

const play = async (
  options: ScenarioServerOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { scenarios, journal, clock } = options;
  const request = parseChat(await readBody(incoming));
  if (request === undefined) return sendError(response, 400, "invalid_request", "this is no chat-completions request");
  const name = scenarioName(incoming.headers.authorization, request.model);
  const scenario = scenarios.get(name);
  if (scenario === undefined)
    return sendError(
      response,
      404,
      "model_not_found",
      `no scenario "${name}"; there are: ${[...scenarios.keys()].join(", ")}`,
    );
  const decision = decide(scenario, request, journal.strike(name, request));
  if (decision.kind === "refuse") {
    journal.failed({ scenario: name, turn: decision.turn, problem: decision.problem });
    const message = `scenario "${name}", step ${decision.turn + 1}: ${decision.problem}`;
    return sendError(response, 422, "scenario_expectation_failed", message);
  }
  journal.played(name, decision.turn);
  if (decision.kind === "fault") return sendFault(response, decision.fault);
  if (await waited(clock, decision.delayMs, response))
    sendAnswer(response, request, decision, Math.floor(clock.now() / 1000));
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
  const path = new URL(request.url ?? "/", "http://scenario").pathname.replace(/^\/v1\//, "/");
  switch (`${request.method ?? ""} ${path}`) {
    case "POST /chat/completions":
      return play(options, request, response);
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

/** Creates the server; the caller listens and closes. A request that fails inside is answered with 500 and remembered. */
export const createScenarioServer = (options: ScenarioServerOptions): Server =>
  createServer((request, response) => {
    route(options, request, response).catch((error: unknown) => {
      options.journal.failed({ scenario: "", turn: -1, problem: String(error) });
      if (response.headersSent) response.destroy();
      else sendError(response, 500, "scenario_server_failed", String(error));
    });
  });
