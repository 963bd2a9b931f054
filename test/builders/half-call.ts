import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";

/** Calls a gRPC method on a connection with a message of `size` bytes, and leaves the last `open` of them unsaid. */
export const sayMessage = (session: ClientHttp2Session, path: string, size: number, open = 0): ClientHttp2Stream => {
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  const stream = session.request(headers);
  stream.on("error", () => undefined).resume();
  const head = Buffer.alloc(5);
  head.writeUInt32BE(size, 1);
  const said = Buffer.concat([head, Buffer.alloc(size - open, 1)]);
  if (open > 0) stream.write(said);
  else stream.end(said);
  return stream;
};
