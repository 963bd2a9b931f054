import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Doorway } from "#nervous-system/comms/socket/doorway.ts";
import { descriptorOf, listen, MAX_CONNECTIONS, type Place } from "#nervous-system/comms/socket/listen.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** How HTTP is served. */
export type ServeOptions = {
  readonly at: Place;
  /** Certificate chain and key, PEM; plaintext without them. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Connections at once, beyond which a new one is closed; 1,024 without it. */
  readonly maxConnections?: number | undefined;
  /** Lets connections in, instead of that number. */
  readonly doorway?: Doorway | undefined;
  /** Of one request, 16 KiB without it. */
  readonly maxHeaderBytes?: number | undefined;
  /** Until a request has come whole, milliseconds; 5 minutes without it, 0 for any time. */
  readonly requestMs?: number;
  /** Answers a request; one that fails cuts its connection. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;
  /** Answers CONNECT, on the connection itself; without it such a connection is closed. */
  readonly connect?: (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> | void;
  /** Answers a request for a WebSocket, on the connection itself; without it such a request is one like any other. */
  readonly webSocket?: (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void> | void;
};

/** A listening server. */
export type HttpServer = {
  readonly port: number;
  /** Of the socket that it listens on. */
  readonly descriptor: number;
  /** Accepts nothing new, and cuts what runs at once, or with a clock when all of it has ended, after `graceMs` at the latest. */
  close(graceMs?: number, clock?: Pick<Clock, "after">): Promise<void>;
};

const HEADERS_MS = 15_000;
const HANDSHAKE_MS = 15_000;
const IDLE_MS = 60_000;
const REQUEST_MS = 300_000;

const untilClosed = (stream: ServerResponse | Duplex): Promise<void> =>
  new Promise((resolve) => void stream.once("close", resolve));

/** What runs on a server: requests until they are answered, tunnels until they are closed; and the connections under all of it. */
class Running {
  private readonly work = new Set<Promise<unknown>>();
  private readonly connections = new Set<Socket>();

  /** Keeps a connection as it comes, before TLS: Node's own list knows it only after the handshake, and no tunnel at all. */
  keep(socket: Socket): void {
    this.connections.add(socket);
    socket.once("close", () => this.connections.delete(socket));
  }

  /** Keeps work until both it and its stream have ended. */
  add(stream: ServerResponse | Duplex, work: () => Promise<void> | void): void {
    const done = Promise.all([
      untilClosed(stream),
      // In a function of its own, so that what throws at once is caught too.
      (async () => work())().catch(() => void stream.destroy()),
    ]);
    this.work.add(done);
    void done.finally(() => this.work.delete(done));
  }

  addTunnel(socket: Duplex, work: () => Promise<void> | void): void {
    // The server takes its own listener away with the socket; a reset must not end the process.
    socket.on("error", () => socket.destroy());
    this.add(socket, work);
  }

  async ended(): Promise<void> {
    await Promise.all(this.work);
  }

  cut(): void {
    for (const socket of this.connections) socket.destroy();
  }
}

const close = async (server: Server, running: Running, graceMs: number, clock?: Pick<Clock, "after">) => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  if (clock !== undefined && graceMs > 0) {
    const { promise: timeUp, resolve: giveUp } = Promise.withResolvers<void>();
    const cancel = clock.after(graceMs, giveUp);
    await Promise.race([running.ended(), timeUp]);
    cancel();
  }
  running.cut();
  await closed;
};

/** Serves HTTP within bounds of connections and of time; rejects where the place cannot be had. */
export const serve = async (options: ServeOptions): Promise<HttpServer> => {
  const { at, tls, answer, connect, webSocket } = options;
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: options.requestMs ?? REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    ...(options.maxHeaderBytes === undefined ? {} : { maxHeaderSize: options.maxHeaderBytes }),
    // Other upgrades, such as the offer of HTTP/2 that Java's and curl's clients make, are declined by an answer as usual.
    shouldUpgradeCallback: (request: IncomingMessage) =>
      webSocket !== undefined && request.headers.upgrade?.toLowerCase() === "websocket",
  };
  const server: Server =
    tls === undefined
      ? createServer(limits)
      : createTlsServer({ ...limits, ...tls, handshakeTimeout: HANDSHAKE_MS, minVersion: "TLSv1.2" });
  // Node closes the newest beyond the number, whosesoever it is.
  if (options.doorway === undefined) server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  const running = new Running();
  server.on("connection", (socket: Socket) => {
    if (options.doorway?.enter(socket) !== false) running.keep(socket);
  });
  server.on("request", (request, response) => running.add(response, () => answer(request, response)));
  if (connect !== undefined)
    server.on("connect", (request, socket, head) => running.addTunnel(socket, () => connect(request, socket, head)));
  if (webSocket !== undefined)
    server.on("upgrade", (request, socket, head) => running.addTunnel(socket, () => webSocket(request, socket, head)));
  const port = await listen(server, at);
  return {
    port,
    descriptor: descriptorOf(server),
    close: (graceMs = 0, clock) => close(server, running, graceMs, clock),
  };
};
