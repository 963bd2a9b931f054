import { afterEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { serverCertificate } from "#test/builders/server-certificate.ts";
import { LOOPBACK } from "#nervous-system/comms/socket/listen.ts";
import { serve, type HttpServer, type ServeOptions } from "./serve.ts";

const clock = systemClock();
const LONG_MS = 60_000;
const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const start = async (options: Omit<ServeOptions, "at">): Promise<HttpServer> => {
  const server = await serve({ at: { host: LOOPBACK, port: 0 }, ...options });
  cleanups.push(() => server.close());
  return server;
};

type Talk = { socket: Socket; heard: Promise<string> };

/** A connection that says `words`, and everything it hears until it ends. */
const sayOn = async (socket: Socket, words: string): Promise<Talk> => {
  cleanups.push(() => socket.destroy());
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  socket.on("error", () => {});
  // However it ends: a reset does not take back what was heard.
  const heard = new Promise<string>((resolve) => socket.once("close", () => resolve(Buffer.concat(pieces).toString())));
  await once(socket, "connect");
  socket.write(words);
  return { socket, heard };
};

const say = (port: number, words: string): Promise<Talk> => sayOn(connect(port, LOOPBACK), words);

const sayInTls = (port: number, ca: string, words: string): Promise<Talk> =>
  sayOn(connectTls({ port, host: LOOPBACK, ca, servername: "localhost" }), words);

const GET = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const CONNECT = "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n";

describe("a server", () => {
  it("hands over a connection that asks for a WebSocket, and answers every other offer of a protocol as usual", async () => {
    const { port } = await start({
      answer: (request, response) => void request.pipe(response.setHeader("connection", "close")),
      webSocket: (request, socket, head) => void socket.end(`${request.headers.upgrade} ${head.toString()}`),
    });
    const asking = (upgrade: string) =>
      `POST / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: ${upgrade}\r\ncontent-length: 4\r\n\r\nbody`;
    expect(await (await say(port, asking("websocket").replace("content-length: 4\r\n", ""))).heard).toBe(
      "websocket body",
    );
    expect(await (await say(port, asking("h2c"))).heard).toMatch(/^HTTP\/1.1 200[^]*body/);
  });

  it("closes connections beyond its bound, and takes others when one has ended", async () => {
    const { port } = await start({ maxConnections: 1, answer: (_, response) => void response.end("yes") });
    const first = await say(port, "");
    expect(await (await say(port, GET)).heard).toBe("");
    first.socket.destroy();
    await first.heard;
    const answered = async (): Promise<boolean> =>
      (await (await say(port, `${GET.trimEnd()}\r\nconnection: close\r\n\r\n`)).heard).includes("yes");
    while (!(await answered())) await new Promise((resolve) => setImmediate(resolve));
  });

  it("lets what runs end when it is closed with time for it, and takes nothing new", async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const server = await start({ answer: (_, response) => held.resolve(response) });
    const running = await say(server.port, GET);
    const response = await held.promise;
    const idle = await say(server.port, "");
    const closed = server.close(LONG_MS, clock);
    await expect(once(request({ port: server.port, host: LOOPBACK }).end(), "response")).rejects.toThrow(
      "ECONNREFUSED",
    );
    response.end("the whole of it");
    await closed;
    expect(await running.heard).toContain("the whole of it");
    expect(await idle.heard).toBe("");
  });

  it("cuts what runs when its time is up, requests and tunnels, whatever they wait for", async () => {
    const tunnel = Promise.withResolvers<void>();
    const never = new Promise<void>(() => {});
    const server = await start({
      answer: () => never,
      connect: (_, socket) => {
        socket.write("open");
        tunnel.resolve();
        return never;
      },
    });
    const heard = [await say(server.port, GET), await say(server.port, CONNECT)].map((one) => one.heard);
    await tunnel.promise;
    await server.close(1, clock);
    expect(await Promise.all(heard)).toEqual(["", "open"]);
  });

  it("does not wait for a connection that never says a word of TLS, nor for one that says half of it", async () => {
    const tls = await serverCertificate(cleanups);
    const held = Promise.withResolvers<ServerResponse>();
    const server = await start({ tls, answer: (_, response) => held.resolve(response) });
    const running = await sayInTls(server.port, tls.ca, GET);
    const response = await held.promise;
    const silent = [await say(server.port, ""), await say(server.port, "\x16\x03\x01\x02")];
    const still = manualClock();
    const closed = server.close(LONG_MS, still);
    response.end("the whole of it");
    await closed;
    expect(await running.heard).toContain("the whole of it");
    for (const one of silent) expect(await one.heard).toBe("");
    expect(still.pending()).toBe(0);
  }, 10_000);

  it("cuts TLS, and tunnels in it, when its time is up", async () => {
    const tls = await serverCertificate(cleanups);
    const tunnel = Promise.withResolvers<void>();
    const never = new Promise<void>(() => {});
    const server = await start({ tls, answer: () => never, connect: () => (tunnel.resolve(), never) });
    const client = await sayInTls(server.port, tls.ca, CONNECT);
    await tunnel.promise;
    const still = manualClock();
    const closed = server.close(LONG_MS, still);
    await still.advance(LONG_MS);
    await closed;
    expect(await client.heard).toBe("");
  }, 10_000);

  it("outlives an answer that fails and a tunnel that is reset", async () => {
    const { port } = await start({
      answer: ({ url }, response) => {
        if (url === "/") throw new Error("a fault");
        response.end("fine");
      },
      connect: (_, socket) => void socket.destroy(new Error("reset")),
    });
    expect(await (await say(port, GET)).heard).toBe("");
    expect(await (await say(port, CONNECT)).heard).toBe("");
    expect(await (await say(port, "GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).heard).toContain("fine");
  });

  it("closes a CONNECT that nobody answers", async () => {
    const { port } = await start({ answer: (_, response) => void response.end() });
    expect(await (await say(port, CONNECT)).heard).toBe("");
  });

  it("rejects where its port is taken", async () => {
    const { port } = await start({ answer: () => {} });
    await expect(serve({ at: { host: LOOPBACK, port }, answer: () => {} })).rejects.toThrow("EADDRINUSE");
  });
});
