import { varintSize, WireWriter } from "#nervous-system/codecs/otlp/wire.ts";

/** The first byte of a socket's connection that speaks protobuf; no JSON begins with it. */
export const PROTOBUF_OPENER = 0x00;

/** A message without its length, or why nothing behind this place can be understood. */
export type SplitMessage =
  | { readonly kind: "message"; readonly bytes: Buffer }
  | { readonly kind: "lost"; readonly reason: string; readonly isTooLong: boolean };

/** Cuts a byte stream into messages that stand behind their lengths, holding at most one unfinished. */
export type MessageSplitter = {
  push(chunk: Buffer): SplitMessage[];
  /** The stream has ended: what stands there without its end. */
  end(): SplitMessage[];
  /** Whether the beginning of the next message is no longer known; what comes is dropped. */
  isLost(): boolean;
  /** Bytes held for a message whose end has not come. */
  unfinished(): number;
};

const MAX_LENGTH_BYTES = 10;

class DelimitedSplitter implements MessageSplitter {
  private readonly maxBytes: number;
  private length = 0;
  private lengthBytes = 0;
  /** The message under way: room for all of it, and how much is there. */
  private body: { bytes: Buffer; filled: number } | undefined;
  private lost = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  push(chunk: Buffer): SplitMessage[] {
    const found: SplitMessage[] = [];
    for (let at = 0; at < chunk.length && !this.lost;) {
      at = this.body === undefined ? this.readLength(chunk, at, found) : this.fill(this.body, chunk, at, found);
    }
    return found;
  }

  end(): SplitMessage[] {
    const isWhole = this.body === undefined && this.lengthBytes === 0;
    return isWhole || this.lost ? [] : [this.lose("the last message was cut off", false)];
  }

  isLost(): boolean {
    return this.lost;
  }

  unfinished(): number {
    return this.body?.bytes.length ?? 0;
  }

  private readLength(chunk: Buffer, at: number, found: SplitMessage[]): number {
    const byte = chunk[at] ?? 0;
    this.length += (byte & 0x7f) * 128 ** this.lengthBytes;
    this.lengthBytes += 1;
    if (byte >= 0x80) {
      if (this.lengthBytes === MAX_LENGTH_BYTES)
        found.push(this.lose(`the length of a message takes more than ${MAX_LENGTH_BYTES} bytes`, false));
      return at + 1;
    }
    const { length } = this;
    [this.length, this.lengthBytes] = [0, 0];
    if (length > this.maxBytes) {
      found.push(this.lose(`a message of ${length} bytes is longer than ${this.maxBytes} bytes`, true));
      return chunk.length;
    }
    return this.begin(length, chunk, at + 1, found);
  }

  /** A message that lies in one chunk is not copied. */
  private begin(length: number, chunk: Buffer, at: number, found: SplitMessage[]): number {
    if (length <= chunk.length - at) {
      found.push({ kind: "message", bytes: chunk.subarray(at, at + length) });
      return at + length;
    }
    this.body = { bytes: Buffer.allocUnsafeSlow(length), filled: 0 };
    return at;
  }

  private fill(body: { bytes: Buffer; filled: number }, chunk: Buffer, at: number, found: SplitMessage[]): number {
    const copied = chunk.copy(body.bytes, body.filled, at);
    body.filled += copied;
    if (body.filled === body.bytes.length) {
      found.push({ kind: "message", bytes: body.bytes });
      this.body = undefined;
    }
    return at + copied;
  }

  private lose(reason: string, isTooLong: boolean): SplitMessage {
    this.lost = true;
    this.body = undefined;
    return { kind: "lost", reason, isTooLong };
  }
}

/** Creates a splitter for messages of at most `maxBytes`. */
export const createMessageSplitter = (maxBytes: number): MessageSplitter => new DelimitedSplitter(maxBytes);

/** A message behind its length. */
export const delimit = (message: Uint8Array): Buffer => {
  const out = new WireWriter(varintSize(message.length) + message.length);
  out.delimited(message);
  return out.finish();
};
