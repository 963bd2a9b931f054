import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";

type Kind = "text" | "binary" | "close" | "ping" | "pong";

/** One message of a WebSocket; `text` is undefined where it was larger than the bound, or bytes. */
type SocketMessage = { readonly kind: Kind; readonly text: string | undefined };

/** Follows one direction of a WebSocket without extensions (RFC 6455) beside its bytes. */
export type MessageReader = {
  /** Takes a chunk and answers the messages that it completed. */
  push(chunk: Uint8Array): readonly SocketMessage[];
};

type Frame = { opcode: number; isLast: boolean; mask: Uint8Array | undefined; headBytes: number; bodyBytes: number };

const kinds: Readonly<Record<number, Kind>> = { 1: "text", 8: "close", 9: "ping", 10: "pong" };
const kindOf = (opcode: number): Kind => kinds[opcode] ?? "binary";
const CONTINUATION = 0;
const FIRST_CONTROL = 8;
/** Two bytes, eight of length, four of mask. */
const LONGEST_HEAD = 14;

const extendedBytes = (length: number): number => (length === 126 ? 2 : length === 127 ? 8 : 0);

const bodyLength = (bytes: Buffer, short: number): number => {
  if (short === 126) return bytes.readUInt16BE(2);
  return short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
};

/** The head of a frame, once all of it is there. */
const readHead = (bytes: Buffer): Frame | undefined => {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const short = second & 0x7f;
  const maskAt = 2 + extendedBytes(short);
  const headBytes = maskAt + (second >= 0x80 ? 4 : 0);
  if (bytes.length < headBytes) return undefined;
  return {
    opcode: first & 0x0f,
    isLast: first >= 0x80,
    mask: second >= 0x80 ? bytes.subarray(maskAt, headBytes) : undefined,
    headBytes,
    bodyBytes: bodyLength(bytes, short),
  };
};

const unmasked = (bytes: Buffer, mask: Uint8Array | undefined): Buffer =>
  mask === undefined ? bytes : Buffer.from(bytes.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));

class Reader implements MessageReader {
  private readonly maxBytes: number;
  private head: Buffer = Buffer.alloc(0);
  private frame: Frame | undefined;
  private missing = 0;
  private readonly body = gatherBytes();
  /** Frames of a message before its last one; control frames may come between them. */
  private readonly message = gatherBytes();
  private opcode = 0;
  private isTooLong = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  push(chunk: Uint8Array): readonly SocketMessage[] {
    const messages: SocketMessage[] = [];
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      rest = this.frame === undefined ? this.begin(rest) : this.fill(rest);
      if (this.frame === undefined || this.missing > 0) continue;
      const message = this.end(this.frame);
      if (message !== undefined) messages.push(message);
      this.frame = undefined;
    }
    return messages;
  }

  private begin(bytes: Buffer): Buffer {
    const held = this.head.length;
    const head = Buffer.concat([this.head, bytes.subarray(0, LONGEST_HEAD - held)]);
    this.frame = readHead(head);
    this.head = this.frame === undefined ? head : Buffer.alloc(0);
    if (this.frame === undefined) return bytes.subarray(bytes.length);
    const { opcode, headBytes, bodyBytes } = this.frame;
    this.missing = bodyBytes;
    if (opcode !== CONTINUATION && opcode < FIRST_CONTROL) [this.opcode, this.isTooLong] = [opcode, false];
    return bytes.subarray(headBytes - held);
  }

  private fill(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.missing);
    this.missing -= part.length;
    if (this.body.size + this.message.size + part.length <= this.maxBytes) this.body.add(part);
    else this.isTooLong = true;
    return bytes.subarray(part.length);
  }

  private end({ opcode, isLast, mask }: Frame): SocketMessage | undefined {
    const body = unmasked(this.body.take(), mask);
    if (opcode >= FIRST_CONTROL) return { kind: kindOf(opcode), text: body.toString("utf8") };
    this.message.add(body);
    if (!isLast) return undefined;
    const text = this.message.take().toString("utf8");
    const kind = kindOf(this.opcode);
    return { kind, text: this.isTooLong || kind !== "text" ? undefined : text };
  }
}

/** Creates a reader; of a message over `maxBytes` it keeps no more than that and tells that it was there. */
export const createMessageReader = (maxBytes: number): MessageReader => new Reader(maxBytes);
