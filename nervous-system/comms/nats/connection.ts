import { connect, type NatsConnection } from "nats";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";

/** Where NATS is and who we are. */
export type BusOptions = {
  /** Comma-separated `tls://host:port`, where nothing is said in plain text, or `nats://host:port`. */
  readonly servers: string;
  /** Shown in the server's list of connections. */
  readonly name: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** The CA that alone the servers' certificates may come from, PEM: TLS, whatever the scheme. The public ones without it. */
  readonly caPem?: string | undefined;
  /** Aborts the waiting for a server that does not come. */
  readonly signal?: AbortSignal;
  readonly clock: Pick<Clock, "sleep">;
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
const REDIAL_MS = 250;

/**
 * Asked for TLS the client refuses a server that offers none, so nobody on the way can talk it out of it. Without, the
 * server's own setting decides.
 */
const tlsOptions = ({ servers, caPem }: BusOptions): Pick<NonNullable<Parameters<typeof connect>[0]>, "tls"> => {
  if (caPem !== undefined) return { tls: { ca: caPem } };
  return servers.split(",").some((server) => server.startsWith("tls://")) ? { tls: {} } : {};
};

const clientOptions = (options: BusOptions): Parameters<typeof connect>[0] => ({
  servers: options.servers.split(","),
  name: options.name,
  ...(options.user === undefined ? {} : { user: options.user }),
  ...(options.password === undefined ? {} : { pass: options.password }),
  ...tlsOptions(options),
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  reconnectJitter: 250,
  // A server that dies while we connect leaves the client waiting for its first line, 20 s by default.
  timeout: DIAL_LIMIT_MS,
  // A server that starts up, or a rotated password, may refuse us for a while.
  ignoreAuthErrorAbort: true,
  pingInterval: 10_000,
  maxPingOut: 2,
});

/** Dials until a server lets us in, and says why it has to wait: a wrong certificate would look like no server at all. */
const dial = async (options: BusOptions): Promise<NatsConnection> => {
  const { servers, clock, log, signal } = options;
  for (let told = ""; ;) {
    signal?.throwIfAborted();
    try {
      return await connect(clientOptions(options));
    } catch (error) {
      const reason = String((error as { message?: unknown } | null)?.message ?? error);
      if (reason !== told) log.warn({ servers, reason }, "NATS cannot be reached yet; trying again");
      told = reason;
    }
    await clock.sleep(REDIAL_MS, signal);
  }
};

/** Connects, waiting for the server as long as it takes. */
export const connectBus = async (options: BusOptions): Promise<BusConnection> => {
  const nats = await dial(options);
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
