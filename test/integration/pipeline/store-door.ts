import { connect, createServer, type Socket } from "node:net";
import type { Cleanup } from "./bus-harness.ts";

/** How a door treats who comes: lets through, says nothing, or answers whatever is asked with a page. */
export type Manner = "through" | "silent" | "page";

/** A door before a store's port. */
export type StoreDoor = {
  readonly port: number;
  /** From now on. Connections that are open are cut, but those of a door that falls silent: they hear nothing more. */
  turn(manner: Manner): void;
};

const PAGE = "<html>Please sign in to this network</html>";
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${PAGE.length}\r\nconnection: close\r\n\r\n${PAGE}`;

const ignoreErrors = (socket: Socket): Socket => socket.on("error", () => undefined); // its close follows

const letThrough = (guest: Socket, target: number): void => {
  const host = ignoreErrors(connect(target, "127.0.0.1"));
  guest.once("close", () => host.destroy());
  host.once("close", () => guest.destroy());
  guest.pipe(host).pipe(guest);
};

/** Opens a door on a free loopback port before another one. */
export const openDoor = async (target: number, cleanup: Cleanup): Promise<StoreDoor> => {
  let manner: Manner = "through";
  const guests = new Set<Socket>();
  const server = createServer((guest) => {
    guests.add(ignoreErrors(guest));
    guest.once("close", () => guests.delete(guest));
    if (manner === "through") letThrough(guest, target);
    if (manner === "page") guest.once("data", () => guest.end(ANSWER));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => guests.forEach((guest) => guest.destroy());
  cleanup.add(() => {
    cut();
    return new Promise((done) => server.close(done));
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    turn: (wanted) => {
      manner = wanted;
      if (wanted === "silent") guests.forEach((guest) => guest.unpipe().pause());
      else cut();
    },
  };
};
