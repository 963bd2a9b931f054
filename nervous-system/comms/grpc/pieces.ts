import { StreamDecoder } from "@grpc/grpc-js/build/src/stream-decoder.js";

/** What grpc-js's decoder holds of a message that has not come whole. */
type Unfinished = {
  readState: number;
  readMessageSize: number;
  readPartialMessage: Buffer[];
};

/** Told how large a message will be, as it comes, as soon as its first bytes are there; false drops what comes. */
export type ExpectMessage = (bytes: number) => boolean;

const READING_MESSAGE = 2;
const PREFIX_BYTES = 5;

/** Tells of each message of one decoder once, with its first bytes. */
class Expecting {
  isOver = false;
  private isTold = false;
  private readonly expect: ExpectMessage;

  constructor(expect: ExpectMessage) {
    this.expect = expect;
  }

  /** Whether nothing was refused yet, these messages and the one behind them included. */
  mayGoOn(messages: readonly Buffer[], unfinished: Unfinished): boolean {
    if (!this.isOver) this.tell(messages, unfinished);
    return !this.isOver;
  }

  private tell(messages: readonly Buffer[], { readState, readMessageSize }: Unfinished): void {
    for (const message of messages) {
      if (!this.isTold) this.judge(message.length - PREFIX_BYTES);
      this.isTold = false;
    }
    if (readState !== READING_MESSAGE || this.isTold) return;
    this.isTold = true;
    this.judge(readMessageSize);
  }

  private judge(bytes: number): void {
    if (!this.isOver) this.isOver = !this.expect(bytes);
  }
}

const expecting = new WeakMap<object, Expecting>();

type Call = { readonly nextCall?: Call; readonly decoder?: object };

/** What an interceptor's call does its work by. */
export const innermostOf = (call: object): object => {
  let innermost: Call = call;
  while (innermost.nextCall !== undefined) innermost = innermost.nextCall;
  return innermost;
};

/** Has `expect` told of the messages of a call, which an interceptor has in its hands, before any of them is kept. */
export const expectMessages = (call: object, expect: ExpectMessage): void => {
  const { decoder }: Call = innermostOf(call);
  // The private part that ADR 0010 speaks of.
  if (decoder === undefined) throw new Error("grpc-js keeps its decoder elsewhere");
  expecting.set(decoder, new Expecting(expect));
};

const MANY_PIECES = 512;
const BLOCK_BYTES = 64 * 1024;

/** The same bytes, the small pieces at their end in one. */
const joinSmall = (pieces: readonly Buffer[]): Buffer[] => {
  const large = pieces.findLastIndex(({ length }) => length >= BLOCK_BYTES) + 1;
  return [...pieces.slice(0, large), Buffer.concat(pieces.slice(large))];
};

const decode = StreamDecoder.prototype.write;

/**
 * Makes grpc-js join the pieces of a message while they come. By itself it keeps each DATA frame until the message is whole,
 * some hundred bytes for every frame of one byte: a few megabytes sent so would fill any process, before a token is read. Why this is a patch: docs/adr/0010-grpc-decoder.md.
 */
export const joinGrpcPieces = (): void => {
  StreamDecoder.prototype.write = function write(data: Buffer): Buffer[] {
    const told = expecting.get(this);
    const unfinished = this as unknown as Unfinished;
    const messages = told?.isOver === true ? [] : decode.call(this, data);
    if (told !== undefined && !told.mayGoOn(messages, unfinished)) {
      unfinished.readPartialMessage = [];
      return [];
    }
    if (unfinished.readPartialMessage.length >= MANY_PIECES)
      unfinished.readPartialMessage = joinSmall(unfinished.readPartialMessage);
    return messages;
  };
};
