import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { createMessageSplitter, delimit, PROTOBUF_OPENER } from "#nervous-system/comms/socket/delimited-messages.ts";
import { connectFrameSocket, type FrameEncoding, type FrameInput } from "#nervous-system/comms/socket/socket-ipc.ts";
import { manualClock, systemClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { createRecorder } from "#nervous-system/recorder/recorder.ts";
import { identity, openTestWal, readFrames } from "#test/builders/recorder.ts";
import { createSimulatedDisk } from "#test/simulation/simulated-disk.ts";
import type { Wal } from "#nervous-system/recorder/wal/wal.ts";
import { catalog, frameTypes, mayWrite } from "#nervous-system/schemas/frames/catalog.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { encodeProducedFrame } from "#nervous-system/schemas/frames/produced-frame-codec.ts";
import { countingIds } from "#nervous-system/schemas/ids.ts";
import { anyPayloadOf } from "#test/builders/any-payload.ts";
import { decodeAck, type FrameAck } from "#nervous-system/comms/socket/frame-encoding.ts";
import { serveFrameConnection } from "./frame-socket.ts";
import { createTurns } from "./turns.ts";
import { boundUnfinished } from "./unfinished.ts";

let directory: string;
let path: string;
let server: Server;
let wal: Wal;
let clock: ManualClock;
let refusals: string[];
const peers = new Set<Socket>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "connection-"));
  path = join(directory, "s.sock");
  clock = manualClock();
  refusals = [];
  wal = await openTestWal(createSimulatedDisk());
  const recorder = await createRecorder({ identity, wal, clock, ids: countingIds(), epoch: 1 });
  const [budget, turns] = [createSemaphore(4 * 1024 * 1024), createTurns()];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    peers.add(socket);
    serveFrameConnection(socket, {
      recorder,
      budget,
      turns,
      unfinished: boundUnfinished(1024 * 1024),
      clock,
      onRefused: ({ reason }) => refusals.push(reason),
    });
  }).listen(path);
  await once(server, "listening");
});

afterEach(async () => {
  for (const peer of peers) peer.destroy();
  peers.clear();
  const closed = once(server, "close");
  server.close();
  await closed;
  await wal.close();
  await rm(directory, { recursive: true });
});

/** What the log holds, without what the recorder stamped. */
const recorded = async (): Promise<unknown[]> =>
  (await readFrames(wal)).map((frame) => JSON.parse(Buffer.from(frame.bytes).toString("utf8")) as unknown);

type Client = { socket: Socket; acks: FrameAck[]; closed: Promise<unknown>; answered(count: number): Promise<void> };

/** A client that writes bytes as they are and reads acknowledgements in protobuf. */
const connectBytes = async (allowHalfOpen = false): Promise<Client> => {
  const socket = createConnection({ path, allowHalfOpen });
  socket.on("error", () => {});
  const [acks, splitter]: [FrameAck[], ReturnType<typeof createMessageSplitter>] = [[], createMessageSplitter(65_536)];
  const waiting: Array<() => void> = [];
  socket.on("data", (chunk: Buffer) => {
    for (const found of splitter.push(chunk)) acks.push(decodeAck(found)!);
    for (const check of waiting) check();
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  const answered = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => (acks.length >= count ? resolve() : undefined);
      waiting.push(check);
      check();
    });
  return { socket, acks, closed, answered };
};

const opener = Buffer.from([PROTOBUF_OPENER]);
const thought = (text: string): Buffer => delimit(encodeProducedFrame({ event_type: "THOUGHT", payload: { text } }));

describe("the two languages of the socket", () => {
  const frames = fc
    .constantFrom(...frameTypes.filter((type) => mayWrite("agent", type)))
    .chain((type) =>
      fc.record({ event_type: fc.constant(type), event_id: fc.uuid(), payload: anyPayloadOf(catalog[type].payload) }),
    );
  const send = async (encoding: FrameEncoding, all: readonly FrameInput[]): Promise<unknown[]> => {
    const socket = await connectFrameSocket({ path, clock: systemClock(), encoding });
    const answers = await Promise.all(all.map((frame) => socket.send(frame)));
    await socket.close();
    return answers;
  };

  it("record the same of the same frames", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frames, { minLength: 1, maxLength: 5 }), async (all) => {
        const before = (await recorded()).length;
        const stamped = all.map((frame) => ({ ...frame, timestamp: "2026-11-21T04:59:34.123456789Z", agent_id: "a" }));
        const again = stamped.map((frame) => ({ ...frame, event_id: `${frame.event_id}-again` }));
        expect(await send("json", stamped)).toEqual(stamped.map(() => expect.objectContaining({ ok: true })));
        expect(await send("protobuf", again)).toEqual(
          again.map(({ event_id }) => ({ ok: true, seq: expect.any(Number), event_id })),
        );
        const kept = (await recorded()).slice(before);
        expect(kept.slice(0, all.length)).toEqual(stamped);
        expect(kept.slice(all.length)).toEqual(again);
      }),
      { numRuns: 25 },
    );
  });

  it("are told apart by the first byte, also when it comes alone", async () => {
    const client = await connectBytes();
    client.socket.write(opener);
    await once([...peers][0]!, "data");
    for (const byte of thought("byte by byte")) client.socket.write(Buffer.from([byte]));
    await client.answered(1);
    expect(client.acks).toEqual([{ ok: true, seq: 1, event_id: expect.any(String) }]);
    client.socket.end();
    await client.closed;
  });

  it("may be opened and closed without a word", async () => {
    for (const words of [Buffer.alloc(0), opener]) {
      const client = await connectBytes();
      client.socket.end(words);
      await client.closed;
      expect(client.acks).toEqual([]);
    }
  });
});

describe("a connection of protobuf", () => {
  it("answers everything that came before a half-closed end", async () => {
    const client = await connectBytes(true);
    client.socket.end(Buffer.concat([opener, ...["a", "b", "c"].map(thought)]));
    await client.closed;
    expect(client.acks.map(({ ok }) => ok)).toEqual([true, true, true]);
  });

  it.each([
    ["a message above 256 KiB and its envelope", delimit(Buffer.alloc(maxFrameBytes + 4097)), /put long texts into a/],
    ["a length that does not end", Buffer.alloc(11, 0x80), /takes more than 10 bytes/],
  ])("refuses %s with the reason and closes; what came before is recorded", async (_, bytes, why) => {
    const client = await connectBytes();
    client.socket.write(Buffer.concat([opener, thought("before"), bytes, thought("behind")]));
    await client.closed;
    expect(client.acks).toEqual([
      expect.objectContaining({ ok: true }),
      { ok: false, reason: expect.stringMatching(why) },
    ]);
    expect(await recorded()).toHaveLength(1);
    expect(refusals).toHaveLength(1);
  });

  it("cuts a writer that hears the refusal and keeps its side open", async () => {
    const client = await connectBytes(true);
    client.socket.write(Buffer.concat([opener, Buffer.alloc(11, 0x80)]));
    await once(client.socket, "end");
    expect(client.acks).toHaveLength(1);
    client.socket.write(thought("nobody reads this"));
    expect(client.socket.closed).toBe(false);
    const peer = [...peers][0]!;
    const cut = once(peer, "close");
    await clock.advance(1000);
    await cut;
    client.socket.destroy();
    expect(await recorded()).toEqual([]);
  });

  it("refuses one frame that is too large as a frame, and goes on behind it", async () => {
    const client = await connectBytes();
    const large = encodeProducedFrame({ event_type: "THOUGHT", payload: { text: "x".repeat(maxFrameBytes) } });
    client.socket.write(Buffer.concat([opener, delimit(large), thought("on")]));
    await client.answered(2);
    expect(client.acks).toEqual([
      { ok: false, reason: expect.stringMatching(/larger than 262144 bytes/) },
      expect.objectContaining({ ok: true }),
    ]);
    client.socket.destroy();
  });

  it.each([
    ["a text that is not UTF-8", Buffer.from([0x22, 2, 0xff, 0xfe]), /not valid.*utf-8/i],
    ["a payload that is not UTF-8", Buffer.from([0x22, 1, 0x41, 0x4a, 1, 0xff]), /payload_json is not UTF-8/],
    ["a payload that is not JSON", Buffer.from([0x22, 1, 0x41, 0x4a, 1, 0x7b]), /payload_json is not JSON/],
    ["a type that the agent may not write", encodeProducedFrame({ event_type: "VERDICT" }), /may not write VERDICT/],
    ["a type that is none", encodeProducedFrame({ event_type: "a.b\r\nPUB" }), /not UPPER_SNAKE/],
    ["no type at all", Buffer.alloc(0), /names its "event_type"/],
  ])("answers %s with its reason, and goes on behind it", async (_, bytes, why) => {
    const client = await connectBytes();
    client.socket.write(Buffer.concat([opener, delimit(bytes), thought("on")]));
    await client.answered(2);
    expect(client.acks).toEqual([
      { ok: false, reason: expect.stringMatching(why) },
      expect.objectContaining({ ok: true }),
    ]);
    client.socket.destroy();
  });

  it("survives any bytes, and the log holds only what was acknowledged", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const before = (await recorded()).length;
        const client = await connectBytes(true);
        client.socket.end(Buffer.concat([opener, thought("first"), Buffer.from(bytes)]));
        await once(client.socket, "end");
        client.socket.destroy();
        const written = client.acks.filter(({ ok }) => ok).length;
        expect((await recorded()).length - before).toBe(written);
      }),
      { numRuns: 50 },
    );
  });
});
