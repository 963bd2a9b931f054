import { WireError, WireReader } from "./wire.ts";

/** How the fields of a message are read into `T`: by number, each with its wire type; all others are skipped. */
export type FieldReaders<T> = Readonly<
  Record<number, readonly [wireType: number, read: (reader: WireReader, into: T) => void]>
>;

/** Reads the rest of a message. */
export const readFields = <T>(reader: WireReader, fields: FieldReaders<T>, into: T): void => {
  while (reader.next()) {
    const field = fields[reader.field];
    if (field !== undefined && field[0] === reader.wireType) field[1](reader, into);
    else reader.skip();
  }
};

/**
 * The occurrences of a message field that should stand once, as pairs of bounds: protobuf reads several as one message,
 * as if their bytes stood one behind the other.
 */
export type MessageParts = number[];

// No writer repeats such a field; ten thousand empty ones would cost more memory than the request.
const MAX_PARTS = 1_000;

/** Consumes one occurrence of a message field. */
export const takePart = (reader: WireReader, parts: MessageParts): void => {
  if (parts.length >= MAX_PARTS * 2) throw new WireError(`one field more than ${MAX_PARTS} times`, reader.start);
  reader.enter();
  parts.push(reader.start, reader.stop);
};

/** The bytes of all occurrences. */
export const bytesOf = (parts: MessageParts): number =>
  parts.reduce((sum, bound, at) => (at % 2 === 0 ? sum - bound : sum + bound), 0);

/** A reader over all occurrences. */
export const readerOver = (buffer: Buffer, parts: MessageParts): WireReader => {
  if (parts.length <= 2) return new WireReader(buffer, parts[0] ?? 0, parts[1] ?? 0);
  const pieces: Buffer[] = [];
  for (let i = 0; i < parts.length; i += 2) pieces.push(buffer.subarray(parts[i], parts[i + 1]));
  return new WireReader(Buffer.concat(pieces));
};

/** Consumes a string field; bytes that are no UTF-8 become U+FFFD. */
export const readText = (reader: WireReader): string => {
  reader.enter();
  return reader.buffer.toString("utf8", reader.start, reader.stop);
};

/** Consumes an id and gives it as hex. */
export const readHex = (reader: WireReader): string => {
  reader.enter();
  return reader.buffer.toString("hex", reader.start, reader.stop);
};

/** Consumes a fixed64. */
export const readFixed64 = (reader: WireReader): bigint => reader.buffer.readBigUInt64LE(reader.fixed64());

/**
 * How many values a request of so many bytes may hold: two bytes can stand for an object of a hundred, real values take
 * thirty bytes and more.
 */
export const maxValuesOf = (bytes: number): number => 100_000 + Math.floor(bytes / 24);

/** Why a request that holds more is refused. */
export const tooManyValues = (bytes: number): string =>
  `more than ${maxValuesOf(bytes)} values in a request of ${bytes} bytes; send smaller batches`;

// What each costs in memory before it holds anything, in values. A record is a span or a log record.
const COSTS = { value: 1, event: 4, record: 10 } as const;

// What many records share, a resource and a scope, stands once in the request and again in the frame of each.
const MAX_REPEATED_BYTES = 64 * 1024 * 1024;

/** Counts what a request unfolds to, so that few bytes never become much memory, or much work. */
export class ValueBudget {
  private readonly bytes: number;
  private left: number;
  private repeated = 0;

  /** For a request of so many bytes. */
  constructor(bytes: number) {
    this.bytes = bytes;
    this.left = maxValuesOf(bytes);
  }

  /** Counts one more; throws `WireError` when there are too many. */
  spend(what: keyof typeof COSTS): void {
    this.left -= COSTS[what];
    if (this.left < 0) throw new WireError(tooManyValues(this.bytes), 0);
  }

  /** Counts the bytes that one record shares with others; throws `WireError` when all shares are too many. */
  repeat(bytes: number): void {
    this.repeated += bytes;
    if (this.repeated > MAX_REPEATED_BYTES)
      throw new WireError("resource and scope, repeated for each record, are too much; send smaller batches", 0);
  }
}
