import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { refuseReachingBody, refuseReachingHeaders } from "#pipeline/gateway/reach/judge-reach.ts";
import { aModel } from "#test/builders/model.ts";

/** A way to the model on which each request is judged as the gateway does. */
export type Judge = AsyncDisposable & {
  readonly url: string;
  /** Operations that were asked for, in their order. */
  readonly operations: readonly string[];
  /** What was asked, in the same order. */
  readonly bodies: readonly string[];
  /** What a Model that allows nothing would have refused. */
  readonly refusals: readonly unknown[];
};

/** Listens on a port of its own, and passes everything on to the model's. */
export const startJudge = async (modelPort: number): Promise<Judge> => {
  const operations: string[] = [];
  const bodies: string[] = [];
  const refusals: unknown[] = [];
  const model = aModel();
  const judge = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const body = await buffer(asked);
    const operation = (asked.url ?? "").replace(/^\/v1\//, "").replace(/\?.*$/, "");
    operations.push(operation);
    bodies.push(body.toString());
    const route = { provider: model.spec.provider, operation } as Parameters<typeof refuseReachingBody>[1];
    const refused =
      refuseReachingBody(JSON.parse(body.toString()), route, model) ?? refuseReachingHeaders(asked.headers, model);
    if (refused !== undefined) refusals.push(refused);
    const { method = "POST", url = "/", headers } = asked;
    const onward = request({ host: "127.0.0.1", port: modelPort, method, path: url, headers }, (told) => {
      answer.writeHead(told.statusCode ?? 502, told.headers);
      told.pipe(answer);
    });
    onward.end(body);
  };
  const server = createServer((asked, answer) => void judge(asked, answer)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    operations,
    bodies,
    refusals,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
};
