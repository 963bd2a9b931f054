/** Input that is not well-formed protobuf: truncated, overlong, or with impossible tags. */
export class WireError extends Error {
  override readonly name: string = "WireError";
  /** Byte offset at which reading stopped. */
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(`malformed protobuf at byte ${offset}: ${problem}`);
    this.offset = offset;
  }
}

/** Wire type of varints (int32, int64, bool, enum). */
export const VARINT = 0;
/** Wire type of fixed64 and double. */
export const FIXED64 = 1;
/** Wire type of strings, bytes and messages. */
export const LENGTH_DELIMITED = 2;
/** Wire type of fixed32 and float. */
export const FIXED32 = 5;

const MAX_VARINT_BYTES = 10;

/** An integer as a number where that is exact. */
export const narrowed = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;

/**
 * Walks the fields of one protobuf message inside `buffer` without copying: `next()` moves to a
 * field, then exactly one of `skip`, `enter`, `varint`, `fixed64` consumes its value.
 */
export class WireReader {
  readonly buffer: Buffer;
  /** Number of the field that `next` found. */
  field = 0;
  /** Wire type of the field that `next` found. */
  wireType = 0;
  /** First byte of the value that `enter` or `skip` of a length-delimited field consumed. */
  start = 0;
  /** First byte after that value. */
  stop = 0;
  private position: number;
  private end: number;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  /** Offset behind what was consumed so far. */
  get offset(): number {
    return this.position;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.position >= this.end) return false;
    const byte = this.buffer[this.position] as number;
    if (byte >= 8 && byte < 0x80) {
      // Fields 1 to 15, nearly all there are: the tag is one byte.
      this.position += 1;
      this.field = byte >> 3;
      this.wireType = byte & 7;
      return true;
    }
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.wireType = tag & 7;
    if (this.field === 0 || tag > 0xffff_ffff) this.fail("field number out of range");
    return true;
  }

  /** Consumes a varint; values above 2^53 lose precision (no field that we use is that large). */
  varint(): number {
    const first = this.position < this.end ? (this.buffer[this.position] as number) : 0x80;
    if (first >= 0x80) return this.longVarint();
    this.position += 1;
    return first;
  }

  private longVarint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
      const byte = this.position < this.end ? this.buffer[this.position] : undefined;
      if (byte === undefined) return this.fail("truncated varint");
      this.position += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    return this.fail("varint longer than 10 bytes");
  }

  /** Consumes an int64 varint to the last digit: a bigint where no number can hold it. */
  int64(): number | bigint {
    const at = this.position;
    const value = this.varint();
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    let exact = 0n;
    for (let i = this.position - 1; i >= at; i -= 1) exact = (exact << 7n) | BigInt((this.buffer[i] ?? 0) & 0x7f);
    return narrowed(BigInt.asIntN(64, exact));
  }

  /** Consumes an int32 or enum varint; as protobuf has it, bits above the lowest 32 do not count. */
  int32(): number {
    return Number(BigInt.asIntN(32, BigInt(this.int64())));
  }

  /** Consumes a fixed64 and gives the offset of its eight bytes. */
  fixed64(): number {
    const at = this.position;
    this.advance(8);
    return at;
  }

  /** Consumes a length-delimited value and leaves its bounds in `start` and `stop`. */
  enter(): void {
    const length = this.varint();
    this.start = this.position;
    this.advance(length);
    this.stop = this.position;
  }

  /** A reader over the message that `enter` consumed. */
  message(): WireReader {
    this.enter();
    return new WireReader(this.buffer, this.start, this.stop);
  }

  /**
   * Goes into a message that follows, so that `next` walks its fields; answers what `ascend` needs to come back. Unlike
   * `message` it makes no object.
   */
  descend(): number {
    const outer = this.end;
    const length = this.varint();
    if (length > outer - this.position) this.fail(`value of ${length} bytes, ${outer - this.position} left`);
    this.end = this.position + length;
    return outer;
  }

  /** Comes back from a message whose fields are all consumed. */
  ascend(outer: number): void {
    this.end = outer;
  }

  /** Whether the found field is number `field` with wire type `wireType`. */
  is(field: number, wireType: number): boolean {
    return this.field === field && this.wireType === wireType;
  }

  /** Consumes the value of a field that is of no interest. */
  skip(): void {
    if (this.wireType === LENGTH_DELIMITED) this.enter();
    else if (this.wireType === VARINT) this.varint();
    else if (this.wireType === FIXED64) this.advance(8);
    else if (this.wireType === FIXED32) this.advance(4);
    else this.fail(`wire type ${this.wireType} is not used by OTLP`);
  }

  private advance(length: number): void {
    if (length > this.end - this.position) {
      this.fail(`value of ${length} bytes, ${this.end - this.position} left`);
    }
    this.position += length;
  }

  private fail(problem: string): never {
    throw new WireError(problem, this.position);
  }
}

/** Encoded length of a varint of `value` (a non-negative safe integer), bytes. */
export const varintSize = (value: number): number => {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
};

/** Encoded length of a length-delimited field whose tag takes one byte (field numbers 1 to 15). */
export const fieldSize = (length: number): number => 1 + varintSize(length) + length;

/** Fills a buffer of a size computed beforehand, field by field; field numbers must be 1 to 15. */
export class WireWriter {
  readonly buffer: Buffer;
  private position = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  /** Writes tag and length of a length-delimited field whose value the caller writes next. */
  open(field: number, length: number): void {
    this.buffer[this.position++] = (field << 3) | LENGTH_DELIMITED;
    this.writeVarint(length);
  }

  /** Writes a bytes or string field. */
  bytes(field: number, value: Uint8Array): void {
    this.open(field, value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  /** Writes bytes that are encoded already. */
  raw(value: Uint8Array): void {
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  /** Writes a value behind its length and without a tag, as messages stand in a stream. */
  delimited(value: Uint8Array): void {
    this.writeVarint(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  /** Writes a string field whose UTF-8 length is known to be `length`. */
  text(field: number, value: string, length: number): void {
    this.open(field, length);
    this.position += this.buffer.write(value, this.position, "utf8");
  }

  /** Writes a fixed64 field. */
  fixed64(field: number, value: bigint): void {
    this.buffer[this.position++] = (field << 3) | FIXED64;
    this.position = this.buffer.writeBigUInt64LE(value, this.position);
  }

  /** Writes a varint field with a non-negative safe integer. */
  varint(field: number, value: number): void {
    this.buffer[this.position++] = field << 3;
    this.writeVarint(value);
  }

  /** The filled buffer; throws when the computed size was wrong, which is a defect of the caller. */
  finish(): Buffer {
    if (this.position !== this.buffer.length) {
      throw new RangeError(`wrote ${this.position} of ${this.buffer.length} bytes`);
    }
    return this.buffer;
  }

  private writeVarint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.buffer[this.position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.position++] = rest;
  }
}

/** Tag and length of a length-delimited field, before its value of `length` bytes. */
export const fieldHead = (field: number, length: number): Buffer => {
  const out = new WireWriter(fieldSize(length) - length);
  out.open(field, length);
  return out.finish();
};

/** A length-delimited field whole. */
export const wrapField = (field: number, content: Uint8Array): Buffer => {
  const out = new WireWriter(fieldSize(content.length));
  out.bytes(field, content);
  return out.finish();
};
