import { once } from "node:events";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { granted, refusedUntil } from "#pipeline/gateway/refusal.ts";
import { relayAnswer, type Relayed, type RelayOptions } from "./relay.ts";

const IDLE_MS = 10_000;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const serve = async (answer: (response: ServerResponse) => void): Promise<number> => {
  const server = createServer((_, response) => answer(response));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};

const ask = async (port: number): Promise<IncomingMessage> => {
  const sent = request({ port, host: "127.0.0.1", agent: false }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  // A broken answer is cut.
  for (const broken of [sent, response]) broken.on("error", () => undefined);
  return response;
};

/** A provider that answers as told, the relay, and the answer as its client gets it, which reads nothing yet. */
const relay = async (provider: (response: ServerResponse) => void, over: Partial<RelayOptions> = {}) => {
  const clock = manualClock();
  const upstream = await ask(await serve(provider));
  const { promise: relayed, resolve } = Promise.withResolvers<Relayed>();
  const abort = new AbortController();
  // As the call to the provider does.
  abort.signal.addEventListener("abort", () => upstream.destroy(new Error("aborted")));
  const told = Promise.withResolvers<ServerResponse>();
  const port = await serve((client) => {
    told.resolve(client);
    if (over.signal === undefined) client.once("close", () => abort.abort(new Error("the client went away")));
    const take = () => granted(undefined);
    const limits = {
      dropsUsageEvent: false,
      apiKey: undefined,
      idleMs: IDLE_MS,
      maxBytes: 2 ** 26,
      take,
      signal: abort.signal,
      clock,
    };
    void relayAnswer({ ...limits, upstream, client, ...over }).then((got) => {
      if (got.broken === undefined) client.end(got.kept);
      else client.destroy();
      return resolve(got);
    });
  });
  const answer = await ask(port);
  /** Lets time pass, and what happens in it happen, until the relay has ended. */
  const ended = async (stepMs: number): Promise<Relayed> => {
    let done = false;
    void relayed.then(() => (done = true));
    while (!done) {
      await clock.advance(stepMs);
      await turn();
    }
    expect(clock.pending()).toBe(0);
    return relayed;
  };
  return { answer, upstream, clock, ended, client: await told.promise };
};

const large = Buffer.alloc(2 ** 24, "x");

describe("an answer that breaks", () => {
  it("by a client that stopped reading is not laid at the provider's door", async () => {
    const { ended, upstream } = await relay((response) => response.write(large));
    const { broken, answer } = await ended(1_000);
    expect(broken).toEqual({ by: "client_stopped_reading", message: expect.stringContaining("stopped reading") });
    expect(answer.length).toBeGreaterThan(0);
    expect(upstream.destroyed).toBe(true);
  });

  it("by a provider that says no more tells so", async () => {
    const { ended, answer } = await relay((response) => response.write("{"));
    answer.resume();
    expect((await ended(1_000)).broken).toEqual({
      by: "provider_silent",
      message: "the provider was silent for 10000 ms in the middle of its answer",
    });
  });

  it("by a provider that breaks off tells so, and what its client had to do with it", async () => {
    const quick = await relay((response) => response.write("{", () => response.destroy()));
    expect((await quick.ended(0)).broken).toEqual({
      by: "provider_broke_off",
      message: expect.stringMatching(/^the provider's answer broke off: [^;]*$/),
    });
    let breakOff = (): void => undefined;
    const slow = await relay((response) => {
      response.write(large);
      breakOff = () => response.destroy();
    });
    while (!slow.client.writableNeedDrain) await turn();
    await slow.clock.advance(5_000);
    breakOff();
    slow.answer.resume();
    expect((await slow.ended(0)).broken).toEqual({
      by: "provider_broke_off",
      message: expect.stringMatching(/; its client had kept it waiting for \d+ ms$/),
    });
  });

  it("by a client that went away tells so", async () => {
    const { ended, answer } = await relay((response) => response.write("{"));
    answer.destroy();
    expect((await ended(0)).broken).toMatchObject({ by: "client_gone" });
  });

  it("by what it is large, or what others hold, tells which", async () => {
    const tooLarge = await relay((response) => response.end(large), { maxBytes: 1_000 });
    expect((await tooLarge.ended(0)).broken).toMatchObject({ by: "answer_too_large" });
    const take = () => refusedUntil(429, "agent_room_full", "the share is used up", 2);
    const full = await relay((response) => response.end("{}"), { take });
    expect((await full.ended(0)).broken).toEqual({
      by: "no_room",
      message: "there is no room for the rest of the answer: the share is used up",
    });
  });

  it("by going on for ever, however lively, ends", async () => {
    const { ended, answer } = await relay((response) => {
      const more = (): void => void (response.destroyed || response.write("x", () => setImmediate(more)));
      more();
    });
    answer.resume();
    expect((await ended(1_000)).broken).toMatchObject({ by: "answer_too_long" });
  });
});

describe("an answer whose client went away", () => {
  const words = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
  const counts =
    'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n' +
    'data: {"choices":[],"usage":{"prompt_tokens":90,"completion_tokens":8}}\n\ndata: [DONE]\n\n';
  const patient = new AbortController().signal;
  const streams = (response: ServerResponse): void =>
    void response.writeHead(200, { "content-type": "text/event-stream" }).write(words);

  it("is read to its count: a client that hangs up before has nothing for nothing", async () => {
    let goOn = (): void => undefined;
    const provider = (response: ServerResponse): void => {
      streams(response);
      goOn = () => void response.end(counts);
    };
    const { answer, client, ended } = await relay(provider, { signal: patient, dropsUsageEvent: true });
    answer.destroy();
    while (!client.destroyed) await turn();
    goOn();
    const { broken, facts, isWhole } = await ended(0);
    expect(broken).toMatchObject({ by: "client_gone" });
    expect([isWhole, facts.inputTokens, facts.outputTokens, facts.stopReason]).toEqual([true, 90, 8, "stop"]);
  });

  it("is read to its count where the client stopped reading", async () => {
    const provider = (response: ServerResponse): void => {
      streams(response);
      response.write(`: ${"x".repeat(2 ** 24)}\n\n`);
      response.end(counts);
    };
    const { ended } = await relay(provider, { signal: patient });
    const { broken, facts } = await ended(1_000);
    expect([broken?.by, facts.inputTokens]).toEqual(["client_stopped_reading", 90]);
  });

  it("is not read without end", async () => {
    const provider = (response: ServerResponse): void => {
      streams(response);
      const more = (): void =>
        void (response.destroyed || response.write(`: ${"x".repeat(2 ** 18)}\n\n`, () => setImmediate(more)));
      more();
    };
    const { answer, client, ended, upstream } = await relay(provider, { signal: patient });
    answer.destroy();
    while (!client.destroyed) await turn();
    const { broken, isWhole, spokenTokens } = await ended(0);
    expect([broken?.by, isWhole, spokenTokens, upstream.destroyed]).toEqual(["client_gone", false, 1, true]);
  });
});

describe("a whole answer", () => {
  it("is passed on but for its end, at the pace of a slow reader, and counted", async () => {
    const sent = large.subarray(0, 2 ** 20);
    let taken = 0;
    const take = (bytes: number) => {
      taken += bytes;
      return granted(undefined);
    };
    const { ended, answer } = await relay((response) => response.end(sent), { take });
    let got = 0;
    answer.on("data", (chunk: Buffer) => (got += chunk.length));
    const { broken, answer: whole } = await ended(0);
    if (!answer.complete) await once(answer, "end");
    expect([broken, whole.length, taken, got]).toEqual([undefined, sent.length, sent.length, sent.length]);
  });
});

describe("an answer that tells the key it was asked with", () => {
  const apiKey = "sk-0123456789abcdef0123456789";
  const error = `{"error":{"message":"no such key","param":"${apiKey}"}}`;

  it.each([200, 401])("reaches neither the agent nor the record with it (%d)", async (status) => {
    const provider = (response: ServerResponse): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.write(error.slice(0, 60));
      setImmediate(() => response.end(error.slice(60)));
    };
    const { answer, ended } = await relay(provider, { apiKey });
    const told = answer.toArray();
    const { answer: recorded, broken } = await ended(0);
    expect(broken).toBeUndefined();
    const shown = error.replace(apiKey, "[redacted:model-key]");
    expect(recorded.toString()).toBe(shown);
    expect(Buffer.concat((await told) as Buffer[]).toString()).toBe(shown);
  });
});
