import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { EmbedderFailure } from "#pipeline/embedding/embedder.ts";
import { createOpenAiEmbedder } from "#pipeline/embedding/openai-embedder.ts";

type Asked = { readonly path: string; readonly authorization: string | undefined; readonly input: string[] };
type Reply = (asked: Asked, response: ServerResponse) => void;

let close: () => void = () => {};
afterEach(() => close());

const startEndpoint = async (reply: Reply): Promise<{ url: string; asked: Asked[] }> => {
  const asked: Asked[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => (body += piece.toString()));
    request.on("end", () => {
      const { input } = JSON.parse(body) as { input: string[] };
      const one = { path: request.url ?? "", authorization: request.headers.authorization, input };
      asked.push(one);
      reply(one, response);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`, asked };
};

/** As the protocol says it, last text first: the order is in `index`. */
const answering: Reply = ({ input }, response) => {
  const data = input.map((text, index) => ({ object: "embedding", index, embedding: [text.length, index, 0] }));
  response.end(JSON.stringify({ object: "list", data: data.toReversed(), model: "m", usage: {} }));
};

const embedderOn = (url: string, clock: Pick<Clock, "after"> = systemClock(), key?: string) =>
  createOpenAiEmbedder({ url, model: "text/embed:1", dimensions: 3, readKey: () => Promise.resolve(key), clock });

const never = new AbortController().signal;

describe("an OpenAI-compatible endpoint", () => {
  it("is asked in groups, with its key, and answered in the order of the texts", async () => {
    const { url, asked } = await startEndpoint(answering);
    const texts = Array.from({ length: 150 }, (_, n) => "x".repeat(n + 1));
    const vectors = await embedderOn(url, systemClock(), "secret").embed(texts, never);
    expect(vectors.map(([length]) => length)).toEqual(texts.map(({ length }) => length));
    expect(asked.map(({ input }) => input.length)).toEqual([64, 64, 22]);
    expect(asked[0]).toMatchObject({ path: "/v1/embeddings", authorization: "Bearer secret" });
  });

  it("is not sent a key where there is none, and names vectors by model and length", async () => {
    const { url, asked } = await startEndpoint(answering);
    const embedder = embedderOn(url);
    await embedder.embed(["one"], never);
    expect([asked[0]?.authorization, embedder.name]).toEqual([undefined, "openai-text-embed-1-3"]);
  });

  it.each<[string, Reply, RegExp, number | undefined]>([
    ["is busy", (_, response) => response.writeHead(429, { "retry-after": "7" }).end("wait"), /429/, 7_000],
    ["is busy for days", (_, response) => response.writeHead(503, { "retry-after": "99999" }).end(), /503/, 60_000],
    [
      "refuses the key",
      (_, response) => response.writeHead(401).end("key sk-1 is wrong"),
      /^(?!.*sk-1).*401/,
      undefined,
    ],
    ["says no JSON", (_, response) => response.end("<html>"), /not what the protocol says/, undefined],
    ["leaves a text out", (_, response) => response.end('{"data":[]}'), /no numbers/, undefined],
    [
      "gives other vectors",
      (_, response) => response.end('{"data":[{"index":0,"embedding":[1,2]}]}'),
      /2 numbers for a text where 3/,
      undefined,
    ],
    ["breaks off", (_, response) => response.socket?.destroy(), /cannot be asked/, undefined],
    ["says too much", (_, response) => response.end("x".repeat(17 * 2 ** 20)), /larger than/, undefined],
  ])("is a failure where it %s", async (_, reply, message, afterMs) => {
    const { url } = await startEndpoint(reply);
    const failure = await embedderOn(url)
      .embed(["one"], never)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EmbedderFailure);
    expect((failure as EmbedderFailure).message).toMatch(message);
    expect((failure as EmbedderFailure).afterMs).toBe(afterMs);
  });

  it.each([
    [400, true],
    [413, true],
    [422, true],
    [401, false],
    [403, false],
    [404, false],
    [408, false],
    [429, false],
    [500, false],
  ])("that answers %s refuses the texts: %s", async (status, refused) => {
    const { url } = await startEndpoint((_, response) => response.writeHead(status).end());
    await expect(embedderOn(url).embed(["one"], never)).rejects.toMatchObject({ refused });
  });

  it("is given up after half a minute, and at once when the caller says so", async () => {
    const reached = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let calls = 0;
    const { url } = await startEndpoint(() => reached[calls++]?.resolve());
    const clock = manualClock();
    const slow = embedderOn(url, clock).embed(["one"], never);
    slow.catch(() => {});
    await reached[0]?.promise;
    await clock.advance(30_000);
    await expect(slow).rejects.toThrow(/no answer within 30000 ms/);
    const abort = new AbortController();
    const aborted = embedderOn(url, clock).embed(["one"], abort.signal);
    aborted.catch(() => {});
    await reached[1]?.promise;
    abort.abort(new Error("stop"));
    await expect(aborted).rejects.toThrow("stop");
    expect(clock.pending()).toBe(0);
  });
});
