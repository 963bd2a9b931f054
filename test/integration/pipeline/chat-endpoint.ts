import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { createCleanup } from "./bus-harness.ts";

/** One request, as the endpoint has it. */
type ChatAsked = {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: {
    readonly model: string;
    readonly messages: ReadonlyArray<{ role: string; content: string }>;
  } & Readonly<Record<string, unknown>>;
};

/** What the endpoint does with a request. */
export type ChatReply = (asked: ChatAsked, response: ServerResponse) => void;

/** A server that speaks chat completions over HTTP. */
export type ChatEndpoint = { readonly url: string; readonly asked: readonly ChatAsked[]; reply: ChatReply };

/** An answer as the protocol has it. */
export const saying =
  (
    content: unknown,
    usage: object = { prompt_tokens: 812, completion_tokens: 96 },
    finish_reason = "stop",
  ): ChatReply =>
  ({ body }, response) => {
    const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason }];
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ id: "c-1", object: "chat.completion", model: body.model, choices, usage }));
  };

/** Starts an endpoint that answers by `reply`, which may be changed. */
export const startChatEndpoint = async (
  cleanup: Pick<ReturnType<typeof createCleanup>, "add">,
  reply: ChatReply,
): Promise<ChatEndpoint> => {
  const asked: ChatAsked[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (piece: Buffer) => (text += piece.toString()));
    request.on("end", () => {
      const body = JSON.parse(text) as ChatAsked["body"];
      const one = { path: request.url ?? "", authorization: request.headers.authorization, body };
      asked.push(one);
      endpoint.reply(one, response);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanup.add(() => {
    server.close();
    server.closeAllConnections();
    return Promise.resolve();
  });
  const { port } = server.address() as AddressInfo;
  const endpoint: ChatEndpoint = { url: `http://127.0.0.1:${port}/v1/`, asked, reply };
  return endpoint;
};
