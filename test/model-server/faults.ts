import type { ServerResponse } from "node:http";
import type { Fault } from "#test/model-server/scenario.ts";

/** Answers by a JSON document. */
export const sendJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
};

const errorBody = (type: string, message: string): object => ({ error: { type, code: type, message } });

/** Answers by an error in the shape that OpenAI publishes. */
export const sendError = (response: ServerResponse, status: number, type: string, message: string): void =>
  sendJson(response, status, errorBody(type, message));

const flood = (response: ServerResponse, chunkBytes: number): void => {
  response.writeHead(200, { "content-type": "application/json" });
  const chunk = " ".repeat(chunkBytes);
  const pour = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", pour);
  pour();
};

/** Misbehaves as a step says. */
export const sendFault = (response: ServerResponse, fault: Exclude<Fault, { kind: "slow" }>): void => {
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
