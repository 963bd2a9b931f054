import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { BatchOutcome } from "#nervous-system/comms/nats/atomic-batch.ts";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { readTail } from "#nervous-system/comms/nats/chain-tail.ts";
import { createDeadLetters } from "#nervous-system/comms/nats/dead-letters.ts";
import type { FrameStream } from "#nervous-system/comms/nats/frame-stream.ts";
import type { BusConnection } from "#nervous-system/comms/nats/connection.ts";
import { createChunkCache } from "#nervous-system/comms/nats/chunk-cache.ts";
import { openDurableReader } from "#nervous-system/comms/nats/durable-reader.ts";
import { readSettled } from "#nervous-system/comms/nats/settled.ts";
import { holdsMark } from "#nervous-system/comms/nats/stream-position.ts";
import { readStreamState } from "#nervous-system/comms/nats/stream-trim.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { tailsStream } from "#nervous-system/schemas/subjects.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";
import { chainOfSubject, streamMessageOf, type KeptMessage, type StreamServer } from "./stream-server.ts";

/** What a process has of the stream. */
export type StreamConnection = Pick<
  Bus,
  "tail" | "settled" | "streamState" | "holds" | "openReader" | "deadLetters"
> & {
  readonly stream: FrameStream;
};

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
    // Node holds a composite signal that somebody listens to until one of its sources aborts, and with it a whole world.
    options.loop.onEnd(() => this.link.abort(lost()));
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
  const { subject, data, header, streamSeq, storedNs } = streamMessageOf(message);
  return { subject, data, header: { get: header }, seq: streamSeq, timestamp: renderTimestamp(storedNs) };
};

/** The part of JetStream's manager that reads tails, marks and places, on the simulated server. */
const managerOn = (connection: Connection, server: StreamServer): JetStreamManager => {
  const upTo = (chain: string, seq: number): KeptMessage[] => {
    const last = new Map<string, KeptMessage>();
    for (const message of server.messages)
      if (message.chain === chain && message.seq <= seq && message.seq > server.trimmed())
        last.set(message.subject, message);
    return [...last.values()];
  };
  const { consumer } = server;
  const stateOf = () => ({ bytes: 0, first_seq: server.trimmed() + 1, last_seq: server.messages.length });
  const at = (seq: number) => (seq > server.trimmed() ? server.messages[seq - 1] : undefined);
  const lastBy = (stream: string, subject: string) =>
    stream === tailsStream
      ? server.trimmedTailOf(subject.split(".").slice(-2).join("/"))
      : server.lastOf(chainOfSubject(subject));
  const manager = {
    streams: {
      info: () => connection.request(() => ({ created: server.created(), config: {}, state: stateOf() })),
      getMessage: (stream: string, query: { last_by_subj: string } | { seq: number }) =>
        connection.request(() => shown("seq" in query ? at(query.seq) : lastBy(stream, query.last_by_subj))),
    },
    consumers: {
      add: () => connection.request(() => undefined),
      info: () => connection.request(() => ({ ack_floor: { stream_seq: consumer.floor } })),
      reset: (_stream: string, _name: string, seq = consumer.floor + 1) =>
        connection.request(() => {
          consumer.floor = seq - 1;
          consumer.delivered = consumer.floor;
          return { delivered: { consumer_seq: consumer.deliveries } };
        }),
    },
    direct: {
      getLastMessagesFor: (_stream: string, { multi_last: [filter = ""], up_to_seq: seq }: UpTo) =>
        connection.request(() => upTo(chainOfSubject(filter), seq).map(shown)),
    },
  };
  return manager as unknown as JetStreamManager;
};

/** The part of JetStream's client that publishes dead letters and consumes. */
const jetStreamOn = (connection: Connection, options: StreamConnectionOptions): JetStreamClient => {
  const publish = (subject: string): Promise<void> => connection.request(() => options.server.leaveDeadLetter(subject));
  const consume = () => Promise.resolve(consumeFrom(connection, options));
  return { publish, consumers: { get: () => Promise.resolve({ consume }) } } as unknown as JetStreamClient;
};

/** Deliveries of the durable consumer over one connection, until it is lost or nobody wants more. */
const consumeFrom = (connection: Connection, { server, life, loop, weather, random }: StreamConnectionOptions) => {
  const { consumer } = server;
  const link = connection.signal();
  const serverLife = server.lives();
  let stopped = false;
  let wanted: ((message: unknown) => void) | undefined;
  // A process that was killed has no connection any more, whatever it was about to read.
  const isOver = (): boolean =>
    stopped || !life.isAlive() || link.aborted || server.lives() !== serverLife || !server.isUp();
  const ackOf = (seq: number) => (): void => {
    // What was never delivered cannot be acknowledged.
    if (seq <= consumer.delivered) consumer.floor = Math.max(consumer.floor, seq);
  };
  const deliver = (): void => {
    const message = server.messages[Math.max(consumer.delivered, server.trimmed())];
    if (wanted === undefined || message === undefined || isOver()) return;
    const give = wanted;
    wanted = undefined;
    consumer.delivered = message.seq;
    consumer.deliveries += 1;
    const { header, ...read } = streamMessageOf(message);
    const info = { timestampNanos: Number(message.storedNs), deliverySequence: consumer.deliveries };
    const acknowledge = (): Promise<void> => connection.request(ackOf(message.seq));
    const ack = (): void => void acknowledge().catch(() => undefined);
    const value = { ...read, seq: message.seq, headers: { get: header }, info, ack, ackAck: acknowledge };
    // Lost on its way, a delivery is missed by its number when the next one comes.
    if (random.chance(weather.loseAnswer / 4))
      return loop.after(0, () => ((wanted = give), deliver())) as unknown as void;
    loop.after(
      random.next() * weather.delayMs,
      life.hears(() => isOver() || give({ done: false, value })),
    );
  };
  server.onStored(() => loop.after(0, deliver));
  return {
    stop: () => (stopped = true),
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) => {
          wanted = resolve;
          deliver();
        }),
    }),
  };
};

type UpTo = { multi_last: string[]; up_to_seq: number };

/** Connects a process to the server, and again after every loss. */
export const connectStream = (options: StreamConnectionOptions): StreamConnection => {
  const { server, life } = options;
  const connection = new Connection(options);
  const manager = managerOn(connection, server);
  const js = jetStreamOn(connection, options);
  const currentLink = (): AbortSignal => connection.signal();
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
    currentLink,
  };
  const bus = { manager, js, whileUp, currentLink } as BusConnection;
  const chunks = createChunkCache(1024 * 1024);
  return {
    stream,
    tail: (agentUid, epoch) => whileUp(() => stream.tail(agentUid, epoch)),
    settled: (question) => whileUp(() => readSettled(manager, question)),
    streamState: () => whileUp(() => readStreamState({ manager })),
    holds: (mark) => whileUp(() => holdsMark(manager, mark)),
    openReader: (durable) =>
      Promise.resolve(
        openDurableReader({ ...durable, connection: bus, clock: life.clock, log: silentLog }, chunks.open()),
      ),
    deadLetters: createDeadLetters({ js, whileUp }),
  };
};
