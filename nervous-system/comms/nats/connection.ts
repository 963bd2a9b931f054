import { connect, type NatsConnection } from "nats";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { Log } from "#nervous-system/kernel/log.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";

/** Where NATS is and who we are. */
export type BusOptions = {
  /** Comma-separated `nats://host:port`. */
  readonly servers: string;
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** CA of the server's certificate, PEM; the server's own setting decides whether TLS is used without it. */
  readonly caPem?: string | undefined;
  readonly log: Log;
};

/** A connection that reconnects for ever, with JetStream on it. */
export type BusConnection = {
  readonly nats: NatsConnection;
  readonly js: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Whether the server is reachable now. */
  connected(): boolean;
  /** Resolves once the server is reachable; rejects with the signal's reason when that aborts first. */
  untilUp(signal: AbortSignal): Promise<void>;
  /** A signal that aborts when the connection that is up now goes down. */
  currentLink(): AbortSignal;
  /**
   * Does a request and gives its answer; rejects as soon as the connection is lost, since no answer comes then
   * and waiting for the request's own timeout would only keep its caller.
   */
  whileUp<T>(request: () => Promise<T>): Promise<T>;
  /** Delivers what was accepted, then closes. */
  close(): Promise<void>;
};

const DIAL_LIMIT_MS = 3_000;

const clientOptions = (options: BusOptions): Parameters<typeof connect>[0] => ({
  servers: options.servers.split(","),
  name: options.name,
  ...(options.user === undefined ? {} : { user: options.user }),
  ...(options.password === undefined ? {} : { pass: options.password }),
  ...(options.caPem === undefined ? {} : { tls: { ca: options.caPem } }),
  maxReconnectAttempts: -1,
  waitOnFirstConnect: true,
  reconnectTimeWait: 250,
  reconnectJitter: 250,
  // A server that dies while we connect leaves the client waiting for its first line, 20 s by default.
  timeout: DIAL_LIMIT_MS,
  // A server that starts up, or a rotated password, may refuse us for a while.
  ignoreAuthErrorAbort: true,
  pingInterval: 10_000,
  maxPingOut: 2,
});

/** Connects, waiting for the server as long as it takes. */
export const connectBus = async (options: BusOptions): Promise<BusConnection> => {
  const nats = await connect(clientOptions(options));
  // Requests are answered in milliseconds or the server is away; the caller decides how often to try.
  const manager = await jetstreamManager(nats, { checkAPI: false, timeout: 5_000 });
  let up = true;
  let back = Promise.withResolvers<void>();
  back.resolve();
  let link = new AbortController();
  const watch = async (): Promise<void> => {
    for await (const status of nats.status()) {
      if (status.type === "disconnect") {
        if (up) back = Promise.withResolvers();
        up = false;
        link.abort(new Error("the connection to NATS was lost"));
        options.log.warn({ servers: options.servers }, "NATS went away; reconnecting");
      } else if (status.type === "reconnect") {
        up = true;
        link = new AbortController();
        back.resolve();
        options.log.info({ servers: options.servers }, "NATS is back");
      } else if (status.type === "error") {
        options.log.warn({ error: String(status.error) }, "NATS reported an error");
      }
    }
  };
  void watch();
  return {
    nats,
    js: jetstream(nats, { timeout: 5_000 }),
    manager,
    connected: () => up && !nats.isClosed(),
    untilUp: (signal) => untilAborted(back.promise, signal),
    currentLink: () => link.signal,
    whileUp: async (request) => {
      link.signal.throwIfAborted();
      return untilAborted(request(), link.signal);
    },
    close: async () => {
      if (nats.isClosed()) return;
      if (up) await nats.drain();
      else await nats.close();
    },
  };
};
