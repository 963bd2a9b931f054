import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A gate on loopback in front of a server: shut, it refuses connections and cuts those that are open. */
export type Gate = { port: number; shut(): void; open(): void; close(): Promise<void> };

/** Opens a gate to a port of loopback. */
export const startGate = async (target: number): Promise<Gate> => {
  const sockets = new Set<Socket>();
  let isShut = false;
  const keep = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
    socket.pipe(other);
  };
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (isShut) return void socket.destroy();
    const inner = connect(target, "127.0.0.1");
    keep(socket, inner);
    keep(inner, socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    shut: () => {
      isShut = true;
      cut();
    },
    open: () => (isShut = false),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
