import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { BatchOutcome } from "#nervous-system/comms/nats/atomic-batch.ts";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { readTail } from "#nervous-system/comms/nats/chain-tail.ts";
import { createDeadLetters } from "#nervous-system/comms/nats/dead-letters.ts";
import type { FrameStream } from "#nervous-system/comms/nats/frame-stream.ts";
import { readSettled } from "#nervous-system/comms/nats/settled.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";
import { chainOfSubject, streamMessageOf, type KeptMessage, type StreamServer } from "./stream-server.ts";

/** What a collector has of the stream. */
export type StreamConnection = Pick<Bus, "tail" | "settled" | "deadLetters"> & { readonly stream: FrameStream };

/** How the ways to the server are now. */
export type StreamWeather = { delayMs: number; loseRequest: number; loseAnswer: number; cuts: Set<string> };

/** What a connection is made of. */
export type StreamConnectionOptions = {
  life: Life;
  name: string;
  server: StreamServer;
  weather: StreamWeather;
  loop: EventLoop;
  random: Random;
};

const REQUEST_TIMEOUT_MS = 5_000;
const DETECT_MS = 100;
const RECONNECT_MS = 500;

const lost = (): Error => new Error("the connection to NATS was lost");

/** A connection's requests; each one ends with an answer, the request's timeout, or the connection. */
class Connection {
  private link = new AbortController();
  private readonly options: StreamConnectionOptions;

  constructor(options: StreamConnectionOptions) {
    this.options = options;
    options.server.onChange(options.life.hears(() => this.follow()));
  }

  signal(): AbortSignal {
    return this.link.signal;
  }

  /** Follows the server down and up. */
  private follow(): void {
    const { server, loop, life, random } = this.options;
    if (!server.isUp())
      loop.after(
        random.next() * DETECT_MS,
        life.hears(() => this.breakLink()),
      );
  }

  private breakLink(): void {
    if (this.link.signal.aborted) return;
    this.link.abort(lost());
    this.reconnect();
  }

  private reconnect(): void {
    const { server, loop, life, random } = this.options;
    loop.after(
      random.next() * RECONNECT_MS,
      life.hears(() => {
        if (server.isUp() && !this.isCut()) this.link = new AbortController();
        else this.reconnect();
      }),
    );
  }

  private isCut(): boolean {
    return this.options.weather.cuts.has(this.options.name);
  }

  private way(): number {
    return this.options.random.next() * this.options.weather.delayMs;
  }

  /** A message that does not arrive breaks the connection, at once or when pings stay away. */
  private drop(): void {
    const { loop, life, random } = this.options;
    const afterMs = random.chance(0.5) ? random.next() * DETECT_MS : 20_000 * random.next();
    loop.after(
      afterMs,
      life.hears(() => this.breakLink()),
    );
  }

  /** Has the server do `apply`; what was sent may still be done after the caller has given up. */
  request<T>(apply: () => T): Promise<T> {
    const { server, loop, life: own, random, weather } = this.options;
    return new Promise((resolve, reject) => {
      const link = this.link.signal;
      const onLost = (): void => finish(() => reject(link.reason));
      const finish = (settle: () => void): void => {
        cancel();
        link.removeEventListener("abort", onLost);
        settle();
      };
      const cancel = own.clock.after(REQUEST_TIMEOUT_MS, () => finish(() => reject(new Error("timeout"))));
      if (link.aborted) return onLost();
      link.addEventListener("abort", onLost, { once: true });
      const life = server.lives();
      const isLost = (p: number): boolean =>
        this.isCut() || !server.isUp() || server.lives() !== life || random.chance(p);
      loop.after(this.way(), () => {
        if (isLost(weather.loseRequest)) return this.drop();
        const result = apply();
        loop.after(this.way(), () => {
          if (isLost(weather.loseAnswer)) this.drop();
          else if (own.isAlive()) finish(() => resolve(result));
        });
      });
    });
  }
}

const shown = (message: KeptMessage | undefined): unknown => {
  if (message === undefined) return null;
  const { subject, data, header, streamSeq } = streamMessageOf(message);
  return { subject, data, header: { get: header }, seq: streamSeq };
};

/** The part of JetStream's manager that reads tails and settled marks, on the simulated server. */
const managerOn = (connection: Connection, server: StreamServer): JetStreamManager => {
  const upTo = (chain: string, seq: number): KeptMessage[] => {
    const last = new Map<string, KeptMessage>();
    for (const message of server.messages)
      if (message.chain === chain && message.seq <= seq) last.set(message.subject, message);
    return [...last.values()];
  };
  const manager = {
    streams: {
      getMessage: (_stream: string, { last_by_subj: filter }: { last_by_subj: string }) =>
        connection.request(() => shown(server.lastOf(chainOfSubject(filter)))),
    },
    consumers: { info: () => connection.request(() => ({ ack_floor: { stream_seq: server.floor() } })) },
    direct: {
      getLastMessagesFor: (_stream: string, { multi_last: [filter = ""], up_to_seq: seq }: UpTo) =>
        connection.request(() => upTo(chainOfSubject(filter), seq).map(shown)),
    },
  };
  return manager as unknown as JetStreamManager;
};

/** The part of JetStream's client that publishes dead letters. */
const jetStreamOn = (connection: Connection, server: StreamServer): JetStreamClient => {
  const publish = (subject: string): Promise<void> => connection.request(() => server.bury(subject));
  return { publish } as unknown as JetStreamClient;
};

type UpTo = { multi_last: string[]; up_to_seq: number };

/** Connects a collector to the server, and again after every loss. */
export const connectStream = (options: StreamConnectionOptions): StreamConnection => {
  const { server } = options;
  const connection = new Connection(options);
  const manager = managerOn(connection, server);
  const whileUp = async <T>(request: () => Promise<T>): Promise<T> => {
    const link = connection.signal();
    link.throwIfAborted();
    return untilAborted(request(), link);
  };
  const stream: FrameStream = {
    tail: (agentUid, epoch) => readTail(manager, agentUid, epoch),
    commit: (messages) =>
      connection
        .request(() => server.commit(messages))
        .catch((error: unknown): BatchOutcome => ({ kind: "unknown", error })),
    currentLink: () => connection.signal(),
  };
  return {
    stream,
    tail: (agentUid, epoch) => whileUp(() => stream.tail(agentUid, epoch)),
    settled: (question) => whileUp(() => readSettled(manager, question)),
    deadLetters: createDeadLetters({ js: jetStreamOn(connection, server), whileUp }),
  };
};
