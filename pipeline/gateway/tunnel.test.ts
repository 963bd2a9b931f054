import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import type { Granted } from "./refusal.ts";
import { extension, helloFor, helloMessage, inRecords, serverAlert, serverNames } from "#test/builders/client-hello.ts";
import { refuseTunnel } from "./refuse-tunnel.ts";
import { runTunnel, type TunnelOver } from "./tunnel.ts";

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

const established = "HTTP/1.1 200 Connection established\r\n\r\n";

/** The next bytes of a side, which stands still then. */
const nextOf = async (side: Socket, bytes: number): Promise<Buffer> => {
  let got: Buffer | null = null;
  while ((got = side.read(bytes) as Buffer | null) === null) await turn();
  return got;
};

/** The bytes of a side up to a mark. */
const heardOnce = async (side: Socket, mark: string): Promise<Buffer> => {
  const got: Buffer[] = [];
  while (!Buffer.concat(got).includes(mark)) got.push(await nextOf(side, 1));
  return Buffer.concat(got);
};

type Asked = { readonly host?: string; readonly head?: Buffer };

/** A tunnel between a program and a far side, both of them ours, in which nobody has said anything. */
const tunnel = async ({ host = "far.example", head = Buffer.alloc(0) }: Asked = {}) => {
  const clock = manualClock();
  const [gateway, far] = [await listening(), await listening()];
  const program = dialled(gateway.port);
  const client = await gateway.next();
  const target = { host, port: far.port, addresses: [{ address: "127.0.0.1", family: 4 as const }] };
  const over = runTunnel(client, head, target, { ...limits, clock });
  const farSide = await far.next();
  expect((await nextOf(program, established.length)).toString()).toBe(established);
  /** Lets time pass, and what happens in it happen, until the tunnel is over. */
  const ended = async (meanwhile: () => Promise<void> = turn): Promise<Granted<TunnelOver>> => {
    let done = false;
    void over.then(() => (done = true));
    while (!done) {
      await meanwhile();
      await clock.advance(1_000);
    }
    while (!client.destroyed) await turn();
    while (clock.pending() > 0) await turn();
    return over;
  };
  return { clock, program, farSide, over, ended };
};

const hello = helloFor("far.example");

/** One in which both sides have begun with TLS. */
const openTunnel = async () => {
  const opened = await tunnel();
  opened.program.write(hello);
  expect(await nextOf(opened.farSide, hello.length)).toEqual(hello);
  opened.farSide.write(serverAlert);
  expect(await nextOf(opened.program, serverAlert.length)).toEqual(serverAlert);
  return opened;
};

const end = (value: TunnelOver["end"]) => ({ kind: "granted", value: { end: value } });
const cut = (value: TunnelOver["end"], message: RegExp) => ({
  kind: "granted",
  value: { end: value, message: expect.stringMatching(message) },
});
const large = Buffer.alloc(2 ** 24, "x");
const heardBy = async (side: Socket): Promise<Buffer> => Buffer.concat((await side.toArray()) as Buffer[]);

describe("a tunnel", () => {
  it("is cut when nobody says anything, and tells so", async () => {
    const { ended, program, farSide } = await openTunnel();
    expect(await ended()).toEqual(end("silent"));
    for (const side of [program, farSide]) side.resume();
    while (!program.readableEnded || !farSide.readableEnded) await turn();
  });

  it("is cut when its program reads no more, and when its far side reads no more, and tells them apart", async () => {
    const unread = await openTunnel();
    unread.farSide.write(large);
    expect(await unread.ended()).toEqual(end("client_stopped_reading"));
    const untaken = await openTunnel();
    untaken.program.write(large);
    expect(await untaken.ended()).toEqual(end("target_stopped_reading"));
  });

  it("is cut when its time is up, however lively", async () => {
    const { ended, program, farSide } = await openTunnel();
    farSide.on("data", (bytes) => void farSide.write(bytes));
    const sayAndHear = async (): Promise<void> => {
      if (program.writable) program.write("x");
      while (!program.destroyed && !program.readableEnded && program.read() === null) await turn();
    };
    expect(await ended(sayAndHear)).toEqual(end("too_long"));
  });

  it("ends with its sides", async () => {
    const { ended, program, farSide } = await openTunnel();
    farSide.resume();
    program.resume();
    program.end();
    farSide.once("end", () => farSide.end());
    expect(await ended()).toEqual(end("closed"));
  });
});

describe("the beginning of a tunnel", () => {
  it.each([
    ["at once, with more behind it", [Buffer.concat([hello, Buffer.from("more")])]],
    [
      "byte for byte, in many records",
      [...inRecords(helloMessage(serverNames("FAR.example.")), [1, 2, 3])].map((byte) => Buffer.of(byte)),
    ],
  ])("is a hello for its host, which comes %s; the rest waits until the far side answers by TLS", async (_, pieces) => {
    const { program, farSide, ended } = await tunnel();
    for (const piece of pieces) {
      program.write(piece);
      await turn();
    }
    const sent = Buffer.concat(pieces);
    const length = sent.indexOf("more") < 0 ? sent.length : sent.indexOf("more");
    expect(await nextOf(farSide, length)).toEqual(sent.subarray(0, length));
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(farSide.read()).toBeNull();
    for (const byte of serverAlert) {
      farSide.write(Buffer.of(byte));
      await turn();
    }
    expect(await nextOf(program, serverAlert.length)).toEqual(serverAlert);
    program.write("-");
    expect((await heardOnce(farSide, "-")).toString()).toBe(`${sent.subarray(length).toString()}-`);
    for (const side of [program, farSide]) side.resume().end();
    expect(await ended()).toEqual(end("closed"));
  });

  it("may stand behind the CONNECT already", async () => {
    const { farSide, program, ended } = await tunnel({ head: hello });
    expect(await nextOf(farSide, hello.length)).toEqual(hello);
    for (const side of [program, farSide]) side.destroy();
    expect(await ended()).toMatchObject({ value: { end: "closed" } });
  });

  it.each([
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
    ["SSH", Buffer.from("SSH-2.0-x\r\n")],
    ["a hello with two names", inRecords(helloMessage(serverNames("far.example", "evil.example")))],
  ])("that is %s goes nowhere, and the program is told in words", async (_, bytes) => {
    const { program, farSide, ended } = await tunnel();
    program.write(bytes);
    expect(await ended()).toEqual(cut("not_tls", /tunnels carry TLS and nothing else/));
    expect((await heardBy(program)).toString()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*"type":"not_tls"/);
    expect(await heardBy(farSide)).toEqual(Buffer.alloc(0));
  });

  it.each([
    ["another host", helloFor("evil.example"), /names "evil\.example", and the tunnel is to "far\.example"/],
    ["a host below it", helloFor("a.far.example"), /names "a\.far\.example"/],
    ["a host with a NUL", helloFor("far.example\0"), /names "far\.example\\u0000"/],
    ["no host", inRecords(helloMessage(extension(43, Buffer.of(2, 3, 4)))), /names no host/],
  ])("that names %s goes nowhere, and the program hears TLS's own alert", async (_, bytes, why) => {
    const { program, farSide, ended } = await tunnel();
    program.write(bytes);
    expect(await ended()).toEqual(cut("wrong_name", why));
    expect(await heardBy(program)).toEqual(Buffer.from([21, 3, 3, 0, 2, 2, 112]));
    expect(await heardBy(farSide)).toEqual(Buffer.alloc(0));
  });

  it("names no host where the tunnel is to an address, or that address", async () => {
    const nameless = inRecords(helloMessage());
    for (const bytes of [nameless, helloFor("127.0.0.1")]) {
      const { farSide, program, ended } = await tunnel({ host: "127.0.0.1" });
      program.write(bytes);
      expect(await nextOf(farSide, bytes.length)).toEqual(bytes);
      for (const side of [program, farSide]) side.destroy();
      await ended();
    }
    const { program, ended } = await tunnel({ host: "127.0.0.1" });
    program.write(helloFor("evil.example"));
    expect(await ended()).toMatchObject({ value: { end: "wrong_name" } });
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["half a hello", hello.subarray(0, 40)],
  ])("is cut when the program says %s", async (_, bytes) => {
    const { program, ended } = await tunnel();
    program.write(bytes);
    expect(await ended()).toEqual(cut("no_hello", /within 20000 ms/));
    expect((await heardBy(program)).toString()).toContain("no ClientHello came");
  });

  it("is cut when the far side answers the hello with something else, of which the program gets nothing", async () => {
    const { program, farSide, ended } = await tunnel();
    program.write(Buffer.concat([hello, Buffer.from("FLUSHALL\r\n")]));
    expect(await nextOf(farSide, hello.length)).toEqual(hello);
    farSide.write("-ERR unknown command\r\n");
    expect(await ended()).toEqual(cut("target_not_tls", /far\.example:\d+ speaks no TLS/));
    expect(await heardBy(program)).toEqual(Buffer.from([21, 3, 3, 0, 2, 2, 40]));
    expect(await heardBy(farSide)).toEqual(Buffer.alloc(0));
  });

  it("is cut when the far side does not answer the hello", async () => {
    const { program, farSide, ended } = await tunnel();
    program.write(hello);
    await nextOf(farSide, hello.length);
    expect(await ended()).toEqual(cut("target_not_tls", /did not answer the ClientHello within 20000 ms/));
  });

  it("ends when a side breaks, whichever and whenever", async () => {
    for (const breaks of ["program", "farSide"] as const)
      for (const begun of [Buffer.alloc(0), hello.subarray(0, 10), hello]) {
        const both = await tunnel();
        both.program.write(begun);
        if (begun === hello) await nextOf(both.farSide, hello.length);
        both[breaks].resetAndDestroy();
        expect(await both.over).toMatchObject({ value: { end: "closed" } });
        await both.ended();
      }
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
