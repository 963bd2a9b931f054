import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { openDoorway, peerOf, type Doorway } from "./doorway.ts";

let nextPort = 1;

/** A connection, as far as a doorway looks at it. */
class Connection extends EventEmitter {
  readonly remotePort = nextPort++;
  readonly remoteAddress: string;
  destroyed = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}

const setUp = (maxConnections = 400) => {
  const clock = manualClock();
  const cuts: string[] = [];
  const doorway = openDoorway({ maxConnections, clock, onCut: (why) => cuts.push(why) });
  return { clock, doorway, cuts };
};

const come = (doorway: Doorway, address: string): Connection => {
  const connection = new Connection(address);
  expect(doorway.enter(connection as unknown as Socket)).toBe(!connection.destroyed);
  return connection;
};

const inside = (connections: readonly Connection[]): number => connections.filter(({ destroyed }) => !destroyed).length;

/** Opens so many connections from an address; each is welcome where it is to be. */
const flood = (doorway: Doorway, address: string, count: number, known: boolean): Connection[] =>
  Array.from({ length: count }, () => {
    const connection = come(doorway, address);
    if (known) doorway.welcome(peerOf(connection));
    return connection;
  });

describe("a doorway", () => {
  it("takes so many connections and no more, and a quarter of that while nobody there is known", () => {
    expect(inside(flood(setUp().doorway, "10.0.0.1", 1_000, false))).toBe(100);
    const { doorway } = setUp();
    const first = flood(doorway, "10.0.0.1", 1_000, true);
    expect(inside(first)).toBe(400);
    expect(first.slice(0, 400).every(({ destroyed }) => !destroyed)).toBe(true);
  });

  it("lets the next address in however many fill it, at the expense of whoever has the most", () => {
    const { doorway, cuts } = setUp();
    const addresses = Array.from({ length: 20 }, (_, i) => `10.0.1.${i}`);
    const floods = addresses.map((address, i) => flood(doorway, address, 200, i % 2 === 0));
    cuts.length = 0;
    const next = come(doorway, "10.0.2.1");
    expect([next.destroyed, cuts]).toEqual([false, ["crowded"]]);
    // Whoever comes again and again takes the place of his own kind only.
    for (const address of addresses) flood(doorway, address, 50, false);
    expect(next.destroyed).toBe(false);
    for (const one of floods) expect(inside(one)).toBeLessThan(100);
  });

  it("cuts who does not show in time who he is, and nobody else", async () => {
    const { clock, doorway, cuts } = setUp();
    const [stranger, known] = [come(doorway, "10.0.0.1"), come(doorway, "10.0.0.1")];
    doorway.welcome(peerOf(known));
    await clock.advance(30_000);
    expect([stranger.destroyed, known.destroyed, cuts]).toEqual([true, false, ["stranger"]]);
    expect([doorway.knows(peerOf(stranger)), doorway.knows(peerOf(known))]).toEqual([false, true]);
    known.destroy();
    expect(doorway.knows(peerOf(known))).toBe(false);
    expect(clock.pending()).toBe(0);
  });

  it("gives the place of a connection back once, however it ended", () => {
    const { clock, doorway } = setUp();
    for (let again = 0; again < 3; again += 1) {
      const those = flood(doorway, "10.0.0.1", 101, false).slice(0, 100);
      expect(inside(those)).toBe(100);
      for (const [i, connection] of those.entries()) {
        if (i % 2 === 0) doorway.welcome(peerOf(connection));
        connection.destroy();
        doorway.welcome(peerOf(connection));
      }
      expect(clock.pending()).toBe(0);
    }
  });
});
