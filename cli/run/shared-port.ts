import { connect, createServer, type Socket } from "node:net";
import { join } from "#scribe/join.ts";
import { listen, LOOPBACK } from "#nervous-system/comms/socket/listen.ts";

/** One port for HTTP/1.1 and for gRPC. */
export type SharedPort = { port: number; close(): Promise<void> };

/** Where connections go; asked for with the first connection of each kind. */
export type SharedTargets = { http(): Promise<number>; grpc(): Promise<number> };

// HTTP/2 begins with "PRI * HTTP/2.0"; no method of OTLP over HTTP does.
const HTTP2 = "PRI ";

const passOn = async (socket: Socket, first: Buffer, targets: SharedTargets): Promise<Socket> => {
  const isHttp2 = first.subarray(0, HTTP2.length).toString("latin1") === HTTP2;
  const inner = connect(isHttp2 ? await targets.grpc() : await targets.http(), "127.0.0.1");
  inner.write(first);
  join(socket, inner);
  return inner;
};

const accept = (socket: Socket, targets: SharedTargets, keep: (socket: Socket) => void): void => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (first: Buffer) => {
    socket.pause();
    passOn(socket, first, targets).then(keep, () => socket.destroy());
  });
};

/** Listens on a free port of loopback and tells the protocols apart by a connection's first bytes. */
export const openSharedPort = async (targets: SharedTargets): Promise<SharedPort> => {
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  };
  const server = createServer({ noDelay: true }, (socket) => {
    keep(socket);
    accept(socket, targets, keep);
  });
  const port = await listen(server, { host: LOOPBACK, port: 0 });
  return {
    port,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};
