import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import type { Granted } from "./refusal.ts";
import { refuseTunnel, runTunnel, type TunnelEnd } from "./tunnel.ts";

const limits = { connectMs: 1_000, idleMs: 10_000, totalMs: 60_000 };
const cleanups: Array<() => void> = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Listens, and hands out the connections that come, which read nothing yet. */
const listening = async () => {
  const came: Socket[] = [];
  // As an HTTP server's: an end of the far side is not yet an end of ours.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    cleanups.push(() => socket.destroy());
    came.push(socket);
  });
  server.listen(0, "127.0.0.1");
  cleanups.push(() => server.close());
  await once(server, "listening");
  const next = async (): Promise<Socket> => {
    while (came.length === 0) await turn();
    return came.shift() as Socket;
  };
  return { port: (server.address() as AddressInfo).port, next };
};

const dialled = (port: number): Socket => {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  cleanups.push(() => socket.destroy());
  return socket;
};

/** A tunnel between a program and a far side, both of them ours. */
const tunnel = async () => {
  const clock = manualClock();
  const [gateway, far] = [await listening(), await listening()];
  const program = dialled(gateway.port);
  const client = await gateway.next();
  const target = { host: "far.example", port: far.port, addresses: [{ address: "127.0.0.1", family: 4 as const }] };
  const over = runTunnel(client, Buffer.alloc(0), target, { ...limits, clock });
  const farSide = await far.next();
  await once(program, "data");
  program.pause();
  /** Lets time pass, and what happens in it happen, until the tunnel is over. */
  const ended = async (meanwhile: () => void = () => undefined): Promise<Granted<TunnelEnd>> => {
    let done = false;
    void over.then(() => (done = true));
    while (!done) {
      meanwhile();
      await turn();
      await clock.advance(1_000);
    }
    expect(clock.pending()).toBe(0);
    return over;
  };
  return { clock, program, farSide, ended };
};

const end = (value: TunnelEnd) => ({ kind: "granted", value });
const large = Buffer.alloc(2 ** 24, "x");

describe("a tunnel", () => {
  it("is cut when nobody says anything, and tells so", async () => {
    const { ended, program, farSide } = await tunnel();
    expect(await ended()).toEqual(end("silent"));
    for (const side of [program, farSide]) side.resume();
    while (!program.readableEnded || !farSide.readableEnded) await turn();
  });

  it("is cut when its program reads no more, and when its far side reads no more, and tells them apart", async () => {
    const unread = await tunnel();
    unread.farSide.write(large);
    expect(await unread.ended()).toEqual(end("client_stopped_reading"));
    const untaken = await tunnel();
    untaken.program.write(large);
    expect(await untaken.ended()).toEqual(end("target_stopped_reading"));
  });

  it("is cut when its time is up, however lively", async () => {
    const { ended, program, farSide } = await tunnel();
    farSide.resume();
    expect(await ended(() => void (program.destroyed || program.write("x")))).toEqual(end("too_long"));
  });

  it("ends with its sides", async () => {
    const { ended, program, farSide } = await tunnel();
    farSide.resume();
    program.resume();
    program.end();
    farSide.once("end", () => farSide.end());
    expect(await ended()).toEqual(end("closed"));
  });
});

describe("a refused client", () => {
  it("hears why, and is not kept though it stays", async () => {
    const clock = manualClock();
    const gateway = await listening();
    const program = dialled(gateway.port);
    const client = await gateway.next();
    refuseTunnel(client, { status: 403, type: "host_not_allowed", message: "not there" }, clock);
    // It never ends its own side.
    const heard = Buffer.concat((await program.toArray()) as Buffer[]).toString();
    expect(heard).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*host_not_allowed/);
    while (!client.destroyed) await turn();
    while (clock.pending() > 0) await turn();
  });

  it("that reads nothing is cut", async () => {
    const clock = manualClock();
    const gateway = await listening();
    dialled(gateway.port);
    const client = await gateway.next();
    client.write(large);
    refuseTunnel(client, { status: 403, type: "host_not_allowed", message: "not there" }, clock);
    await clock.advance(4_999);
    expect(client.destroyed).toBe(false);
    await clock.advance(1);
    expect(client.destroyed).toBe(true);
  });
});
