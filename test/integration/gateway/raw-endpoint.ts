import { createServer, type AddressInfo, type Socket } from "node:net";

/** A server that answers each request with the bytes it was told, as no honest HTTP server would. */
export type RawEndpoint = {
  readonly url: URL;
  /** Connections that are open. */
  open(): number;
  stop(): Promise<void>;
};

/** Starts a server on a free loopback port; `answer` writes whatever it likes once a request has begun. */
export const startRawEndpoint = async (answer: (socket: Socket) => void): Promise<RawEndpoint> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.once("data", () => {
      socket.resume();
      answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/models`),
    open: () => sockets.size,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

/** Writes for as long as the other side reads. */
export const writeForEver = (socket: Socket, bytes: Buffer): void => {
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on("drain", more);
  more();
};
