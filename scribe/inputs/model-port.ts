import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Log } from "#nervous-system/kernel/log.ts";
import { listen, MAX_CONNECTIONS, portOf } from "./listen.ts";
import { isModelPath, passedHeaders } from "./model-headers.ts";

/** How the model port listens and where it passes calls. */
export type ModelPortOptions = {
  port: number;
  gateway: { host: string; port: number };
  caPem: string;
  token: () => Promise<string>;
  log: Log;
};

/** A listening model port. */
export type ModelPort = { port: number; close(): Promise<void> };

const answerError = (answer: ServerResponse, status: number, type: string, message: string): void => {
  if (answer.headersSent) {
    answer.destroy(); // a cut stream is the only honest sign in the middle of an answer
    return;
  }
  const retry = status === 503 ? { "retry-after": "2" } : {};
  answer.writeHead(status, { "content-type": "application/json", ...retry });
  answer.end(JSON.stringify({ error: { type, message } }));
};

const UNREACHABLE = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);

const onFailure = (answer: ServerResponse, error: unknown): void => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (UNREACHABLE.has(code)) {
    answerError(answer, 503, "gateway_unavailable", `the model gateway does not answer (${code}); try again`);
  } else {
    answerError(answer, 502, "gateway_failed", `the way to the model gateway broke: ${message}`);
  }
};

const passOn = (incoming: IncomingMessage, answer: ServerResponse, upstream: RequestOptions): void => {
  const outgoing = httpsRequest(upstream, (response) => {
    answer.writeHead(response.statusCode ?? 502, passedHeaders(response.headers));
    answer.flushHeaders();
    response.pipe(answer);
    response.once("error", (error) => onFailure(answer, error));
    response.once("aborted", () => answer.destroy());
  });
  outgoing.once("error", (error) => onFailure(answer, error));
  answer.once("close", () => outgoing.destroy());
  incoming.pipe(outgoing);
};

/** Passes model calls to the gateway, streamed both ways, with the pod's token in place of whatever the agent sent. */
export const listenForModels = async (options: ModelPortOptions): Promise<ModelPort> => {
  const { gateway, caPem, token, log } = options;
  const agent = new Agent({ keepAlive: true, ca: caPem, maxSockets: 64 });
  const handle = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const path = incoming.url ?? "";
    if (!isModelPath(path)) {
      return answerError(answer, 404, "not_found", "this port serves /openai/v1/… and /anthropic/v1/… only");
    }
    const headers = { ...passedHeaders(incoming.headers), authorization: `Bearer ${await token()}` };
    passOn(incoming, answer, { ...gateway, agent, path, method: incoming.method, headers });
  };
  const server = createServer({ requestTimeout: 0 }, (incoming, answer) => {
    handle(incoming, answer).catch((error: unknown) => {
      log.error({ error: String(error) }, "a model call could not be passed on");
      answerError(answer, 503, "token_unavailable", "the pod's token cannot be read; try again");
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, { port: options.port });
  return {
    port: portOf(server),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
};
