import type { BatchMessage, BatchOutcome } from "#nervous-system/comms/nats/atomic-batch.ts";
import { readChunk, type StoredFrame, type StreamMessage } from "#nervous-system/comms/nats/read-chunk.ts";

/** What the simulated server keeps of one message. */
export type KeptMessage = {
  seq: number;
  subject: string;
  data: Uint8Array;
  headerLines: string;
  chain: string;
};

/** A JetStream server with the streams CONTEXT and CONTEXT_DEAD, as far as publishing sees it. */
export type StreamServer = {
  isUp(): boolean;
  /** How often it was started: what was on its way to an earlier life reaches none. */
  lives(): number;
  /** The batch as a whole, or nothing; each expectation is compared at its place in the batch. */
  commit(messages: readonly BatchMessage[]): BatchOutcome;
  bury(subject: string): void;
  lastOf(chain: string): KeptMessage | undefined;
  readonly messages: readonly KeptMessage[];
  /** Subjects of what was buried, in order. */
  readonly letters: readonly string[];
  /** Whether it refuses because it is full. */
  full: boolean;
  /** Up to where the one durable reader has stored what it read. */
  floor(): number;
  /** The reader stores everything there is. */
  consume(): void;
  /** What the server lost after the reader had stored it. */
  readonly storedOnly: readonly KeptMessage[];
  /** Ends the server: connections break. `lose` messages that it had acknowledged go with it. */
  die(lose: number): void;
  restart(): void;
  onChange(run: () => void): void;
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
export const streamMessageOf = ({ seq, subject, data, headerLines }: KeptMessage): StreamMessage => ({
  subject,
  data,
  header: (name) => headerOf(headerLines, name),
  streamSeq: seq,
  storedNs: 0n,
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
  readonly storedOnly: KeptMessage[] = [];
  private up = true;
  private started = 1;
  private ackFloor = 0;
  private readonly last = new Map<string, KeptMessage>();
  private readonly listeners: Array<() => void> = [];

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
      const message = { seq: firstSeq + at, subject, data, headerLines, chain };
      return this.isExpected(headerLines, added) ? (added.set(message.chain, message), message) : undefined;
    });
    if (kept.includes(undefined)) return { kind: "conflict" };
    for (const message of kept) this.messages.push(message as KeptMessage);
    for (const [chain, message] of added) this.last.set(chain, message);
    return { kind: "stored", firstSeq };
  }

  bury(subject: string): void {
    this.letters.push(subject);
  }

  lastOf(chain: string): KeptMessage | undefined {
    return this.last.get(chain);
  }

  floor(): number {
    return this.ackFloor;
  }

  consume(): void {
    this.ackFloor = this.messages.length;
  }

  die(lose: number): void {
    this.up = false;
    const lost = this.messages.splice(Math.max(0, this.messages.length - lose));
    this.storedOnly.push(...lost.filter(({ seq }) => seq <= this.ackFloor));
    // A server that finds a reader ahead of its stream sets it back.
    this.ackFloor = Math.min(this.ackFloor, this.messages.length);
    this.last.clear();
    for (const message of this.messages) this.last.set(message.chain, message);
    for (const run of this.listeners) run();
  }

  restart(): void {
    this.up = true;
    this.started += 1;
    for (const run of this.listeners) run();
  }

  onChange(run: () => void): void {
    this.listeners.push(run);
  }

  private isExpected(headerLines: string, added: ReadonlyMap<string, KeptMessage>): boolean {
    const [, expected, filter] = EXPECTATION.exec(headerLines) ?? [];
    if (expected === undefined || filter === undefined) return true;
    const chain = chainOfSubject(filter);
    return ((added.get(chain) ?? this.last.get(chain))?.seq ?? 0) === Number(expected);
  }
}

/** Creates an empty server that is up. */
export const createStreamServer = (): StreamServer => new Server();
