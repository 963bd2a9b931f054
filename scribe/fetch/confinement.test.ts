import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { Endpoint } from "#nervous-system/kernel/endpoint.ts";
import { tryConfinement } from "./confinement.ts";

type Door = { readonly server: Server; readonly place: Endpoint; knocks: number };

const openDoor = async (onKnock: (door: Door) => void = () => undefined): Promise<Door> => {
  const server = createServer((socket) => {
    door.knocks += 1;
    onKnock(door);
    socket.on("error", () => undefined).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const door: Door = { server, place: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, knocks: 0 };
  return door;
};
const closed: Endpoint = { host: "127.0.0.1", port: 1 };

let allowed: Door;
let forbidden: Door;

beforeEach(async () => {
  allowed = await openDoor();
  forbidden = await openDoor();
});
afterEach(() => {
  for (const { server } of [allowed, forbidden]) server.close();
});

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

const trialOf = (over: { allowed?: Endpoint; forbidden?: Endpoint } = {}) => ({
  allowed: allowed.place,
  forbidden: forbidden.place,
  silenceMs: 30_000,
  ...over,
});

describe("a pod", () => {
  it("is confined where the server answers at the port that the policy names, and not at the other", async () => {
    const clock = quickClock();
    expect(await tryConfinement(trialOf({ forbidden: closed }), clock)).toBe("confined");
    expect(clock.sleptMs()).toBe(0);
    expect(await tryConfinement(trialOf({ forbidden: { host: "no.such.invalid", port: 1 } }), clock)).toBe("confined");
  });

  it.each([
    ["whatever the other port does", () => trialOf()],
    ["even where the other port is closed", () => trialOf({ allowed: closed })],
  ])("is unconfined where it reaches for ten seconds what its policy does not name, %s", async (_, trial) => {
    const clock = quickClock();
    expect(await tryConfinement(trial(), clock)).toBe("unconfined");
    expect(clock.sleptMs()).toBe(10_000);
  });

  it("is confined once the network plugin knows it, be it a moment later", async () => {
    let looks = 0;
    const clock = quickClock(() => {
      looks += 1;
      if (looks === 3) forbidden.server.close();
    });
    expect(await tryConfinement(trialOf(), clock)).toBe("confined");
    expect(looks).toBe(3);
  });

  it("is not known to be confined by a server that is silent at both ports, for as long as that may be", async () => {
    const clock = quickClock();
    expect(await tryConfinement(trialOf({ allowed: closed, forbidden: closed }), clock)).toBe("unknown");
    expect(clock.sleptMs()).toBe(30_000);
  });

  it("is judged once the server that was silent answers", async () => {
    const { port } = allowed.place;
    await new Promise((done) => allowed.server.close(done));
    let looks = 0;
    const clock = { ...quickClock() };
    const { sleep } = clock;
    clock.sleep = async (ms) => {
      await sleep(ms);
      looks += 1;
      if (looks !== 4) return;
      allowed.server.listen(port, "127.0.0.1");
      await once(allowed.server, "listening");
    };
    expect(await tryConfinement(trialOf({ forbidden: closed }), clock)).toBe("confined");
    expect(looks).toBe(4);
  });

  it("is not known to be confined by a server that goes away while it is tried", async () => {
    const going = await openDoor(({ server }) => void server.close());
    const clock = quickClock();
    expect(await tryConfinement(trialOf({ allowed: going.place, forbidden: closed }), clock)).toBe("unknown");
    expect(going.knocks).toBe(1);
  });

  it("waits half a second for an answer", async () => {
    const waits: number[] = [];
    const clock = {
      ...quickClock(),
      after: (ms: number, run: () => void) => {
        waits.push(ms);
        queueMicrotask(run);
        return () => undefined;
      },
    };
    expect(await tryConfinement({ ...trialOf(), silenceMs: 0 }, clock)).toBe("unknown");
    expect(waits).toEqual([500, 500]);
  });
});
