import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { isUnconfined } from "./unconfined.ts";

let server: Server;
let place: { host: string; port: number };

beforeEach(async () => {
  server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  place = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
});
afterEach(() => void server.close());

/** A clock whose sleeps take no time, and tell that they were. */
const quickClock = (onSleep: () => void = () => undefined) => {
  const clock = systemClock();
  let sleptMs = 0;
  return {
    ...clock,
    monotonicMs: () => sleptMs,
    sleep: async (ms: number) => {
      sleptMs += ms;
      onSleep();
    },
    sleptMs: () => sleptMs,
  };
};

describe("a pod", () => {
  it("is unconfined where it reaches for ten seconds what its policy does not name", async () => {
    const clock = quickClock();
    expect(await isUnconfined(place, clock)).toBe(true);
    expect(clock.sleptMs()).toBe(10_000);
  });

  it("is confined once the network plugin knows it, be it a moment later", async () => {
    let looks = 0;
    const clock = quickClock(() => {
      looks += 1;
      if (looks === 3) server.close();
    });
    expect(await isUnconfined(place, clock)).toBe(false);
    expect(looks).toBe(3);
  });

  it("is confined where the place has no name, refuses, or does not answer in half a second", async () => {
    const clock = quickClock();
    expect(await isUnconfined({ host: "no.such.invalid", port: 1 }, clock)).toBe(false);
    expect(await isUnconfined({ host: "127.0.0.1", port: 1 }, clock)).toBe(false);
    const waits: number[] = [];
    const impatient = {
      ...clock,
      after: (ms: number, run: () => void) => {
        waits.push(ms);
        queueMicrotask(run);
        return () => undefined;
      },
    };
    expect(await isUnconfined(place, impatient)).toBe(false);
    expect(waits).toEqual([500]);
  });
});
