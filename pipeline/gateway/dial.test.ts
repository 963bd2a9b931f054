import { afterEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type AddressInfo, type Server } from "node:net";
import { PassThrough, Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { ResolvedTarget } from "#pipeline/gateway/address-policy.ts";
import { runTunnel } from "#pipeline/gateway/tunnel.ts";
import { askUpstream } from "#pipeline/gateway/upstream.ts";
import { helloFor } from "#test/builders/client-hello.ts";
import { serverCertificate } from "#test/builders/server-certificate.ts";

const clock = systemClock();
const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Listens on 127.0.0.1 only, so that the same port of every other loopback address is dead. */
const listening = async (server: Server): Promise<number> => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
};

/** A name that resolves nowhere by itself. */
const at = (port: number, ...addresses: string[]): ResolvedTarget => ({
  addresses: addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
  host: "provider.invalid",
  port,
});

const orders = [
  ["alone", ["127.0.0.1"]],
  ["first", ["127.0.0.1", "127.0.0.2"]],
  ["second", ["127.0.0.2", "127.0.0.1"]],
  ["last, of both families", ["127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"]],
] as const;

describe("a name of several addresses", () => {
  /** What the client of a tunnel hears, or is to hear. */
  const tunnelTo = async (target: ResolvedTarget): Promise<string> => {
    const [up, down] = [new PassThrough(), new PassThrough()];
    const client = Duplex.from({ readable: up, writable: down });
    const heard = text(down);
    const limits = { connectMs: 5_000, idleMs: 5_000, totalMs: 5_000, clock };
    const result = await runTunnel(client, helloFor("provider.invalid"), target, limits);
    return result.kind === "granted" ? heard : `${result.refusal.status} ${result.refusal.message}`;
  };

  it.each(orders)("is reached by a tunnel where the living one is %s", async (_where, addresses) => {
    const port = await listening(createServer((socket) => void socket.once("data", (said) => socket.end(said))));
    expect(await tunnelTo(at(port, ...addresses))).toMatch(/^HTTP\/1.1 200 .*\r\n\r\n[^]*provider\.invalid$/);
  });

  it("gets no tunnel where every one is dead", async () => {
    const port = await listening(createServer());
    expect(await tunnelTo(at(port, "127.0.0.2", "127.0.0.3"))).toMatch(/502.*provider.invalid:\d+: ECONNREFUSED/s);
  });

  const answer: RequestListener = ({ headers }, response) => void response.end(headers.host);
  const ask = (scheme: string, target: ResolvedTarget, ca?: string) =>
    askUpstream({
      url: new URL(`${scheme}://${target.host}:${target.port}/`),
      target,
      method: "GET",
      headers: {},
      ...(ca === undefined ? {} : { ca: [ca] }),
      answerWithinMs: 5_000,
      signal: new AbortController().signal,
      clock,
    });
  const said = async (asked: ReturnType<typeof ask>): Promise<string> => {
    const got = await asked;
    return got.kind === "failed" ? got.message : text(got.response satisfies IncomingMessage);
  };

  it.each(orders)("is asked as a provider where the living one is %s", async (_where, addresses) => {
    const port = await listening(createHttpServer(answer));
    expect(await said(ask("http", at(port, ...addresses)))).toBe(`provider.invalid:${port}`);
  });

  it.each(orders)("is asked over TLS, for its name, where the living one is %s", async (_where, addresses) => {
    const { ca, ...pair } = await serverCertificate(cleanups);
    const port = await listening(createHttpsServer(pair, answer));
    const target = at(port, ...addresses);
    expect(await said(ask("https", { ...target, host: "localhost" }, ca))).toBe(`localhost:${port}`);
    expect(await said(ask("https", target, ca))).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  it("is told to be dead, and why, where every one is", async () => {
    const port = await listening(createServer());
    expect(await said(ask("http", at(port, "127.0.0.2", "127.0.0.3")))).toMatch(/ECONNREFUSED.*127\.0\.0\.[23]/);
  });
});
