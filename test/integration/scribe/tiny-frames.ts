import { once } from "node:events";
import { connect, type Socket } from "node:net";

// As much of HTTP/2 as a sender needs that puts each byte into a DATA frame of its own, which no library would.
const [DATA, HEADERS, SETTINGS, WINDOW_UPDATE] = [0, 1, 4, 8];
const END_HEADERS = 4;
const INITIAL_WINDOW_SIZE = 4; // one of SETTINGS
const INITIAL_WINDOW = 65_535;

const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

/** HPACK's plainest form: each name and value as it is, nothing remembered. */
const literal = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const headers = (all: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(Object.entries(all).flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));

/** Follows what the receiver has room for, on the connection (0) and on the one stream (1). */
const createWindows = (socket: Socket) => {
  const left = [INITIAL_WINDOW, INITIAL_WINDOW];
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const [size, stream] = [rest.readUIntBE(0, 3), rest.readUInt32BE(5)];
      for (let at = 9; rest[3] === SETTINGS && at < 9 + size; at += 6)
        if (rest.readUInt16BE(at) === INITIAL_WINDOW_SIZE)
          left[1] = (left[1] ?? 0) + rest.readUInt32BE(at + 2) - INITIAL_WINDOW;
      if (rest[3] === WINDOW_UPDATE) left[stream] = (left[stream] ?? 0) + rest.readUInt32BE(9);
      rest = rest.subarray(9 + size);
    }
  });
  return {
    room: () => Math.min(...left),
    spend: (bytes: number) => {
      for (const stream of left.keys()) left[stream] = (left[stream] ?? 0) - bytes;
    },
  };
};

/** Begins a gRPC call with one message of `bytes`, and sends all of it but the last byte, each in a DATA frame of its own. */
export const sendInTinyFrames = async (port: number, path: string, bytes: number): Promise<Socket> => {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const windows = createWindows(socket);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
  const call = {
    ":method": "POST",
    ":scheme": "http",
    ":authority": "localhost",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  };
  socket.write(frame(HEADERS, END_HEADERS, 1, headers(call)));
  socket.write(frame(DATA, 0, 1, Buffer.from([0, 0, bytes >> 16, (bytes >> 8) & 255, bytes & 255])));
  windows.spend(5);
  const one = frame(DATA, 0, 1, Buffer.from([1]));
  for (let left = bytes - 1; left > 0;) {
    const some = Math.min(left, windows.room());
    windows.spend(some);
    left -= some;
    const isFull = some > 0 && !socket.write(Buffer.concat(Array.from({ length: some }, () => one)));
    await (isFull ? once(socket, "drain") : new Promise((go) => setImmediate(go)));
    if (socket.destroyed) throw new Error("the receiver hung up");
  }
  return socket;
};
