import type { BatchMessage, BatchOutcome } from "#nervous-system/comms/nats/atomic-batch.ts";
import { readChunk, type StoredFrame, type StreamMessage } from "#nervous-system/comms/nats/read-chunk.ts";

/** What the simulated server keeps of one message. */
export type KeptMessage = {
  seq: number;
  subject: string;
  data: Uint8Array;
  headerLines: string;
  chain: string;
  /** When it was stored; never the same for two. */
  storedNs: bigint;
};

/** A JetStream server with the streams CONTEXT, CONTEXT_DEAD and CONTEXT_TAILS, as far as publishing sees it. */
export type StreamServer = {
  isUp(): boolean;
  /** How often it was started: what was on its way to an earlier life reaches none. */
  lives(): number;
  /** The batch as a whole, or nothing; each expectation is compared at its place in the batch. */
  commit(messages: readonly BatchMessage[]): BatchOutcome;
  leaveDeadLetter(subject: string): void;
  lastOf(chain: string): KeptMessage | undefined;
  /** The last message of a chain that was trimmed. */
  trimmedTailOf(chain: string): KeptMessage | undefined;
  /** Every message that was ever stored and not lost; nobody is given the first `trimmed()` of them. */
  readonly messages: readonly KeptMessage[];
  trimmed(): number;
  /** Trims up to `upTo`, of what the sink has acknowledged. */
  trim(upTo: number): void;
  /** Subjects of the dead letters, in order. */
  readonly letters: readonly string[];
  /** Whether it refuses because it is full. */
  full: boolean;
  /** When it was created; another one where it was made anew. */
  created(): string;
  /** The durable consumer of the one sink. */
  readonly consumer: DurableConsumer;
  /** Ends the server: connections break. `lose` messages that it had acknowledged go with it. */
  die(lose: number): void;
  /** Ends the server; what starts again is another stream of the same name, without consumers. */
  dieForGood(): void;
  restart(): void;
  onChange(run: () => void): void;
  /** Tells of every message that is stored. */
  onStored(run: () => void): void;
};

const START_NS = 1_795_237_200_000_000_000n;

/** What the server keeps of a durable consumer with AckAll. */
type DurableConsumer = {
  /** Sequence up to which everything is acknowledged. */
  floor: number;
  /** Sequence of the message delivered last. */
  delivered: number;
  /** Count of its deliveries. */
  deliveries: number;
};

const EXPECTATION =
  /Nats-Expected-Last-Subject-Sequence: (\d+)\r\nNats-Expected-Last-Subject-Sequence-Subject: (\S+)\r\n/;

/** Agent and epoch of a subject or a filter. */
export const chainOfSubject = (subject: string): string => subject.split(".").slice(4, 6).join("/");

const headerOf = (headerLines: string, name: string): string => {
  const from = headerLines.indexOf(`${name}: `);
  return from < 0 ? "" : headerLines.slice(from + name.length + 2, headerLines.indexOf("\r\n", from));
};

/** A message in the form that the readers of the product take. */
export const streamMessageOf = ({ seq, subject, data, headerLines, storedNs }: KeptMessage): StreamMessage => ({
  subject,
  data,
  header: (name) => headerOf(headerLines, name),
  streamSeq: seq,
  storedNs,
});

const unpacked = new WeakMap<KeptMessage, readonly StoredFrame[]>();

/** The frames of a message, unpacked once; throws when it is no chunk. */
export const framesOf = (message: KeptMessage): readonly StoredFrame[] => {
  const known = unpacked.get(message);
  if (known !== undefined) return known;
  const frames = readChunk(streamMessageOf(message)).map((item) => {
    if (item.kind === "poison")
      throw new Error(`message ${message.seq} of the stream is no chunk: ${item.poison.reason}`);
    return item.frame;
  });
  unpacked.set(message, frames);
  return frames;
};

class Server implements StreamServer {
  full = false;
  readonly messages: KeptMessage[] = [];
  readonly letters: string[] = [];
  readonly consumer: DurableConsumer = { floor: 0, delivered: 0, deliveries: 0 };
  private up = true;
  private started = 1;
  private generation = 1;
  private clockNs = START_NS;
  private gone = 0;
  private readonly tails = new Map<string, KeptMessage>();
  private readonly last = new Map<string, KeptMessage>();
  private readonly listeners: Array<() => void> = [];
  private readonly storeListeners: Array<() => void> = [];

  isUp(): boolean {
    return this.up;
  }

  lives(): number {
    return this.started;
  }

  commit(batch: readonly BatchMessage[]): BatchOutcome {
    if (this.full) return { kind: "refused", code: 10_077, message: "maximum bytes exceeded" };
    const firstSeq = this.messages.length + 1;
    const added = new Map<string, KeptMessage>();
    const kept = batch.map(({ subject, data, headerLines }, at) => {
      const chain = chainOfSubject(subject);
      const storedNs = (this.clockNs += 1_000n);
      const message = { seq: firstSeq + at, subject, data, headerLines, chain, storedNs };
      return this.isExpected(headerLines, added) ? (added.set(message.chain, message), message) : undefined;
    });
    if (kept.includes(undefined)) return { kind: "conflict" };
    for (const message of kept) this.messages.push(message as KeptMessage);
    for (const [chain, message] of added) this.last.set(chain, message);
    for (const run of this.storeListeners) run();
    return { kind: "stored", firstSeq };
  }

  leaveDeadLetter(subject: string): void {
    this.letters.push(subject);
  }

  lastOf(chain: string): KeptMessage | undefined {
    return this.unlessTrimmed(this.last.get(chain));
  }

  trimmedTailOf(chain: string): KeptMessage | undefined {
    return this.tails.get(chain);
  }

  trimmed(): number {
    return this.gone;
  }

  trim(upTo: number): void {
    const end = Math.min(upTo, this.consumer.floor - 1); // where a reader stands, the message stays
    for (; this.gone < end; this.gone += 1) {
      const message = this.messages[this.gone] as KeptMessage;
      this.tails.set(message.chain, message);
    }
  }

  created(): string {
    return `stream ${this.generation}`;
  }

  die(lose: number): void {
    this.up = false;
    this.messages.splice(Math.max(this.gone, this.messages.length - lose));
    // A server that finds a reader ahead of its stream sets it back.
    this.consumer.floor = Math.min(this.consumer.floor, this.messages.length);
    this.consumer.delivered = this.consumer.floor;
    this.last.clear();
    for (const message of this.messages) this.last.set(message.chain, message);
    for (const run of this.listeners) run();
  }

  dieForGood(): void {
    this.generation += 1;
    this.gone = 0;
    this.tails.clear();
    this.die(this.messages.length);
  }

  restart(): void {
    this.up = true;
    this.started += 1;
    for (const run of this.listeners) run();
  }

  onChange(run: () => void): void {
    this.listeners.push(run);
  }

  onStored(run: () => void): void {
    this.storeListeners.push(run);
  }

  private isExpected(headerLines: string, added: ReadonlyMap<string, KeptMessage>): boolean {
    const [, expected, filter] = EXPECTATION.exec(headerLines) ?? [];
    if (expected === undefined || filter === undefined) return true;
    const chain = chainOfSubject(filter);
    return ((added.get(chain) ?? this.lastOf(chain))?.seq ?? 0) === Number(expected);
  }

  private unlessTrimmed(message: KeptMessage | undefined): KeptMessage | undefined {
    return message === undefined || message.seq <= this.gone ? undefined : message;
  }
}

/** Creates an empty server that is up. */
export const createStreamServer = (): StreamServer => new Server();
