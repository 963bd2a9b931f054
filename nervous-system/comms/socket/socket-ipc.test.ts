import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createMessageSplitter, delimit, PROTOBUF_OPENER } from "./delimited-messages.ts";
import { connectFrameSocket, RecorderUnavailable } from "./socket-ipc.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { FrameAckSchema, ProducedFrameSchema } from "#nervous-system/schemas/gen/context_pb.ts";

let directory: string;
let path: string;
let server: Server | undefined;
const peers: Socket[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "frames-"));
  path = join(directory, "s.sock");
});

afterEach(async () => {
  await stop();
  await rm(directory, { recursive: true });
});

const stop = async (): Promise<void> => {
  for (const peer of peers.splice(0)) peer.destroy();
  const closed = server === undefined ? undefined : once(server, "close");
  server?.close();
  await closed;
  server = undefined;
};

const listen = async (onLine: (line: string, peer: Socket) => void): Promise<void> => {
  server = createServer((peer) => {
    peers.push(peer);
    peer.on("error", () => {});
    createInterface({ input: peer }).on("line", (line) => onLine(line, peer));
  }).listen(path);
  await once(server, "listening");
};

const acknowledging = (seen: string[]) => (line: string, peer: Socket) => {
  const frame = JSON.parse(line) as { event_id: string };
  seen.push(frame.event_id);
  peer.write(`${JSON.stringify({ ok: true, seq: seen.length, event_id: frame.event_id })}\n`);
};

const connect = (reconnectMs = 10_000) => connectFrameSocket({ path, clock: systemClock(), reconnectMs });
const thought = (id: string) => ({ event_id: id, event_type: "THOUGHT", payload: { text: `line\none ${id}` } });

describe("frame socket", () => {
  it("answers overlapping sends in their order", async () => {
    const seen: string[] = [];
    await listen(acknowledging(seen));
    const socket = await connect();
    const ids = Array.from({ length: 50 }, (_, i) => `e${i}`);
    const answers = await Promise.all(ids.map((id) => socket.send(thought(id))));
    expect(answers).toEqual(ids.map((id, i) => ({ ok: true, seq: i + 1, event_id: id })));
    await socket.close();
  });

  it("gives a refusal to the frame it is for", async () => {
    await listen((line, peer) => {
      const refused = line.includes('"e1"');
      const id = (JSON.parse(line) as { event_id: string }).event_id;
      peer.write(
        `${JSON.stringify(refused ? { ok: false, reason: "no right" } : { ok: true, seq: 1, event_id: id })}\n`,
      );
    });
    const socket = await connect();
    const answers = await Promise.all(["e0", "e1", "e2"].map((id) => socket.send(thought(id))));
    expect(answers.map((answer) => answer.ok)).toEqual([true, false, true]);
    await socket.close();
  });

  it("sends again what a lost connection left without an answer, in order", async () => {
    await listen((_line, peer) => peer.destroy());
    const socket = await connect();
    const both = Promise.all([socket.send(thought("a")), socket.send(thought("b"))]);
    const peer = peers[0];
    if (peer !== undefined && !peer.closed) await once(peer, "close");
    await stop();
    const seen: string[] = [];
    await listen(acknowledging(seen));
    expect((await both).map((answer) => answer.ok)).toEqual([true, true]);
    expect(seen).toEqual(["a", "b"]);
    await socket.close();
  });

  it("rejects what waits, and everything after, when the recorder stays away", async () => {
    await listen((_line, peer) => {
      server?.close();
      peer.destroy();
    });
    const socket = await connect(150);
    await expect(socket.send(thought("a"))).rejects.toBeInstanceOf(RecorderUnavailable);
    await expect(socket.send(thought("b"))).rejects.toBeInstanceOf(RecorderUnavailable);
    server = undefined;
  });

  it("asks everything again when an answer cannot be read, and gives no later answer to the wrong frame", async () => {
    const seen: string[] = [];
    await listen((line, peer) => {
      const isFirst = seen.length === 0;
      seen.push(line);
      if (isFirst) return void peer.write("garbage\n");
      acknowledging([])(line, peer);
    });
    const socket = await connect();
    const answers = await Promise.all([socket.send(thought("a")), socket.send(thought("b"))]);
    expect(answers).toMatchObject([
      { ok: true, event_id: "a" },
      { ok: true, event_id: "b" },
    ]);
    await socket.close();
  });

  it("says where it looked when nobody is there at the start", async () => {
    await expect(connect(0)).rejects.toThrow(path);
  });

  it("outlives a recorder that died with the frame unread", async () => {
    server = createServer({ pauseOnConnect: true }, (peer) => peers.push(peer)).listen(path);
    await once(server, "listening");
    const socket = await connect();
    const sent = socket.send(thought("e1"));
    // What the peer never read makes its end a reset, not a close.
    await stop();
    await listen(acknowledging([]));
    expect(await sent).toMatchObject({ ok: true, event_id: "e1" });
    await socket.close();
  });
});

describe("frame socket in protobuf", () => {
  /** A recorder that reads protobuf behind the opener and answers by `answer`; what it read is kept. */
  const listenForMessages = async (answer: (id: string, count: number) => Buffer): Promise<string[]> => {
    const seen: string[] = [];
    server = createServer((peer) => {
      peers.push(peer);
      peer.on("error", () => {});
      const splitter = createMessageSplitter(1000);
      let isOpened = false;
      peer.on("data", (chunk: Buffer) => {
        if (!isOpened) expect(chunk[0]).toBe(PROTOBUF_OPENER);
        for (const found of splitter.push(isOpened ? chunk : chunk.subarray(1))) {
          if (found.kind === "lost") throw new Error(found.reason);
          seen.push(fromBinary(ProducedFrameSchema, found.bytes).eventId);
          peer.write(answer(seen.at(-1)!, seen.length));
        }
        isOpened = true;
      });
    }).listen(path);
    await once(server, "listening");
    return seen;
  };
  const ackOf = (eventId: string, seq: number): Buffer =>
    delimit(toBinary(FrameAckSchema, create(FrameAckSchema, { ok: true, seq: BigInt(seq), eventId })));
  const connectProtobuf = () => connectFrameSocket({ path, clock: systemClock(), encoding: "protobuf" });

  it("answers overlapping sends in their order", async () => {
    await listenForMessages(ackOf);
    const socket = await connectProtobuf();
    const ids = Array.from({ length: 50 }, (_, i) => `e${i}`);
    const answers = await Promise.all(ids.map((id) => socket.send(thought(id))));
    expect(answers).toEqual(ids.map((id, i) => ({ ok: true, seq: i + 1, event_id: id })));
    await socket.close();
  });

  it.each([
    ["that is no FrameAck", delimit(Buffer.from([0x07]))],
    ["whose length does not end", Buffer.alloc(11, 0x80)],
  ])("asks everything again on a fresh connection at an answer %s", async (_, garbage) => {
    const seen = await listenForMessages((id, count) => (count === 1 ? garbage : ackOf(id, count)));
    const socket = await connectProtobuf();
    const answers = await Promise.all([socket.send(thought("a")), socket.send(thought("b"))]);
    expect(answers.map((answer) => answer.ok && answer.event_id)).toEqual(["a", "b"]);
    expect(seen.slice(-2)).toEqual(["a", "b"]);
    expect(peers).toHaveLength(2);
    await socket.close();
  });
});
