import type { Socket } from "node:net";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { MAX_CONNECTIONS } from "./listen.ts";

/** The far end of a connection, `address:port`. */
type Peer = string;

/** Why a connection is cut: others need its place, or nobody showed in time who he is. */
type CutReason = "crowded" | "stranger";

/** What connections reach a server through where anybody may connect. However many one address opens, another gets in. */
export type Doorway = {
  /** Takes a connection in and answers true, or cuts it. */
  enter(socket: Socket): boolean;
  /** Tells that a peer has shown who he is: the connection may stay as long as it likes. */
  welcome(peer: Peer): void;
  /** Whether a peer has shown who he is. */
  knows(peer: Peer): boolean;
};

/** How connections are let in. */
export type DoorwayOptions = {
  /** Connections at once; 1,024 without it. A quarter of them may be strangers'. */
  readonly maxConnections?: number | undefined;
  readonly clock: Pick<Clock, "after">;
  /** Told of every connection that is cut. */
  readonly onCut: (why: CutReason) => void;
};

// For a handshake, and a review of the token by an API server that is slow.
const STRANGER_MS = 30_000;
const STRANGERS = 1 / 4;

/** Connections by the address that they come from. */
class Crowd {
  size = 0;
  private readonly byAddress = new Map<string, Set<Socket>>();

  add(address: string, socket: Socket): void {
    const those = this.byAddress.get(address) ?? new Set();
    this.byAddress.set(address, those.add(socket));
    this.size += 1;
  }

  remove(address: string, socket: Socket): void {
    const those = this.byAddress.get(address);
    if (those?.delete(socket) !== true) return;
    this.size -= 1;
    if (those.size === 0) this.byAddress.delete(address);
  }

  /** The newest connection of the address that has the most; undefined where that is no more than `address` would have with another. */
  tooMuchFor(address: string): Socket | undefined {
    let most = new Set<Socket>();
    for (const those of this.byAddress.values()) if (those.size > most.size) most = those;
    return most.size > (this.byAddress.get(address)?.size ?? 0) + 1 ? [...most].at(-1) : undefined;
  }
}

/** The peer at the far end of a socket, also of TLS over it. */
export const peerOf = ({ remoteAddress = "", remotePort = 0 }: Pick<Socket, "remoteAddress" | "remotePort">): Peer =>
  `${remoteAddress}:${remotePort}`;

/** The address of a peer. */
export const addressOfPeer = (peer: Peer): string => peer.slice(0, peer.lastIndexOf(":"));

/** Opens a doorway that nobody has come through yet. */
export const openDoorway = ({ maxConnections = MAX_CONNECTIONS, clock, onCut }: DoorwayOptions): Doorway => {
  const [all, strangers] = [new Crowd(), new Crowd()];
  /** What is done when a stranger is no longer one, and when a connection leaves. */
  const ends = new Map<Peer, () => void>();
  const leaves = new Map<Socket, () => void>();
  const welcomed = new Set<Peer>();
  const cut = (socket: Socket, why: CutReason): void => {
    onCut(why);
    // Its place is free at once, and not when it is closed.
    leaves.get(socket)?.();
    socket.destroy();
  };
  const makeRoom = (crowd: Crowd, most: number, address: string): boolean => {
    if (crowd.size < most) return true;
    const other = crowd.tooMuchFor(address);
    if (other !== undefined) cut(other, "crowded");
    return other !== undefined;
  };
  return {
    enter: (socket) => {
      const { remoteAddress: address = "" } = socket;
      if (!makeRoom(strangers, maxConnections * STRANGERS, address) || !makeRoom(all, maxConnections, address)) {
        cut(socket, "crowded");
        return false;
      }
      const peer = peerOf(socket);
      const cancel = clock.after(STRANGER_MS, () => cut(socket, "stranger"));
      const end = (): void => {
        cancel();
        strangers.remove(address, socket);
        ends.delete(peer);
      };
      const leave = (): void => {
        leaves.delete(socket);
        welcomed.delete(peer);
        all.remove(address, socket);
        if (ends.get(peer) === end) end();
      };
      all.add(address, socket);
      strangers.add(address, socket);
      ends.set(peer, end);
      leaves.set(socket, leave);
      socket.once("close", leave);
      return true;
    },
    welcome: (peer) => {
      if (ends.has(peer)) welcomed.add(peer);
      ends.get(peer)?.();
    },
    knows: (peer) => welcomed.has(peer),
  };
};
