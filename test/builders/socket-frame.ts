/** One frame of a WebSocket (RFC 6455): 1 is text, 0 goes on with the message before, 8 and above control. */
export type SocketFrame = {
  readonly opcode: number;
  readonly body: Buffer;
  /** Whether the message ends with it; it does without this. */
  readonly isLast?: boolean;
  /** The key of a client, which masks what it sends; a server has none. */
  readonly mask?: number | undefined;
};

const renderLength = (bytes: number): Buffer => {
  if (bytes < 126) return Buffer.of(bytes);
  const head = Buffer.alloc(bytes < 65_536 ? 3 : 9);
  head[0] = head.length === 3 ? 126 : 127;
  if (head.length === 3) head.writeUInt16BE(bytes, 1);
  else head.writeBigUInt64BE(BigInt(bytes), 1);
  return head;
};

/** The bytes of a frame. */
export const renderSocketFrame = ({ opcode, body, isLast = true, mask }: SocketFrame): Buffer => {
  const first = Buffer.of((isLast ? 0x80 : 0) + opcode);
  const length = renderLength(body.length);
  if (mask === undefined) return Buffer.concat([first, length, body]);
  const key = Buffer.alloc(4);
  key.writeUInt32BE(mask);
  length[0] = (length[0] ?? 0) | 0x80;
  return Buffer.concat([first, length, key, body.map((byte, at) => byte ^ (key[at % 4] ?? 0))]);
};
