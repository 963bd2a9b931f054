import { createConnection, type Socket } from "node:net";
import { describe, expect, it, jest } from "@jest/globals";
import { createMessageSplitter, delimit, PROTOBUF_OPENER } from "#nervous-system/comms/socket/delimited-messages.ts";
import { decodeAck, type FrameAck } from "#nervous-system/comms/socket/frame-encoding.ts";
import { connectFrameSocket } from "#nervous-system/comms/socket/socket-ipc.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { encodeProducedFrame } from "#nervous-system/schemas/frames/produced-frame-codec.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { sceneForFile } from "./scene.ts";
import {
  chainFault,
  connectWriter,
  killRunning,
  layOutPod,
  producerPart,
  startPodScribe,
  stopScribe,
  thought,
  until,
} from "./stage.ts";

jest.setTimeout(60_000);

const scene = sceneForFile();

const message = (text: string): Buffer => delimit(encodeProducedFrame({ event_type: "THOUGHT", payload: { text } }));

type Speaker = { socket: Socket; acks: FrameAck[]; ended: Promise<void>; answered(count: number): Promise<void> };

/** A connection that speaks protobuf, with the answers so far. */
const connectSpeaker = async (): Promise<Speaker> => {
  const socket = createConnection(scene.pod.socket);
  socket.on("error", () => undefined);
  const acks: FrameAck[] = [];
  const splitter = createMessageSplitter(65_536);
  socket.on("data", (chunk: Buffer) => {
    for (const found of splitter.push(chunk)) acks.push(decodeAck(found)!);
  });
  const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(Buffer.from([PROTOBUF_OPENER]));
  return { socket, acks, ended, answered: (count) => until(`${count} answers`, () => acks.length >= count) };
};
const reasonOf = (ack: FrameAck | undefined): string => (ack === undefined || ack.ok ? "" : ack.reason);

const texts = (): unknown[] => scene.peer.frames.map((frame) => producerPart(frame).payload["text"]);

describe("a socket that is opened with byte 0", () => {
  it("takes protobuf and acknowledges each frame in its order", async () => {
    const speaker = await connectSpeaker();
    for (const text of ["one", "two", "three"]) speaker.socket.write(message(text));
    await speaker.answered(3);
    const seqs = speaker.acks.map((ack) => (ack.ok ? ack.seq : 0));
    const first = seqs[0] ?? 0;
    expect(first).toBeGreaterThan(0);
    expect(seqs).toEqual([first, first + 1, first + 2]);
    await until("they are stored", () => texts().includes("three"));
    speaker.socket.end();
    await speaker.ended;
  });

  it("keeps the spelling of numbers in a payload of JSON", async () => {
    const speaker = await connectSpeaker();
    const payload = '{"cost":1.0,"big":12345678901234567890}';
    const type = "MEASURE";
    const field = (number: number, text: string): Buffer =>
      Buffer.concat([Buffer.from([number * 8 + 2]), delimit(Buffer.from(text))]);
    speaker.socket.write(delimit(Buffer.concat([field(4, type), field(9, payload)])));
    await speaker.answered(1);
    expect(speaker.acks[0]?.ok).toBe(true);
    await until("it is stored", () => scene.peer.frames.some(({ envelope }) => envelope.event_type === "MEASURE"));
    const kept = scene.peer.frames.find(({ envelope }) => envelope.event_type === "MEASURE");
    expect(Buffer.from(kept!.bytes).toString()).toContain('"payload":{"cost":1.0,"big":12345678901234567890}');
    speaker.socket.end();
  });

  it("is mixed with connections of JSON, in pieces of any size, into one chain", async () => {
    const [speakers, writers] = [
      await Promise.all(Array.from({ length: 8 }, connectSpeaker)),
      await Promise.all(Array.from({ length: 8 }, () => connectWriter(scene.pod.socket))),
    ];
    for (let n = 0; n < 20; n += 1) {
      for (const [at, { socket }] of speakers.entries()) {
        const whole = message(`p${at}-${n}`);
        socket.write(whole.subarray(0, at + 1));
        socket.write(whole.subarray(at + 1));
      }
      for (const [at, writer] of writers.entries()) writer.write(thought(`j${at}-${n}`));
    }
    await Promise.all([
      ...speakers.map(({ answered }) => answered(20)),
      ...writers.map(({ answered }) => answered(20)),
    ]);
    for (const { socket } of [...speakers, ...writers]) socket.destroy();
    await until("all are stored", () => new Set(texts().filter((text) => /^[pj]\d-/.test(String(text)))).size === 320);
    expect(chainFault(scene.peer.frames)).toBeUndefined();
  });

  const broken: ReadonlyArray<[string, Buffer, RegExp]> = [
    ["a message that is too long", Buffer.from([0xff, 0xff, 0x7f]), /longer than/],
    ["a length that never ends", Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]), /longer than/],
  ];
  it.each(broken)("is told why, and closed, at %s; frames before it are kept", async (_, bytes, why) => {
    const speaker = await connectSpeaker();
    speaker.socket.write(Buffer.concat([message("before"), bytes, message("behind")]));
    await speaker.ended;
    expect(speaker.acks.map(({ ok }) => ok)).toEqual([true, false]);
    expect(reasonOf(speaker.acks[1])).toMatch(why);
  });

  it("is told of a message that is none, and goes on behind it", async () => {
    const speaker = await connectSpeaker();
    speaker.socket.write(Buffer.concat([delimit(Buffer.from([0x0a, 0x7f])), delimit(Buffer.alloc(0)), message("on")]));
    await speaker.answered(3);
    expect(speaker.acks.map((ack) => [ack.ok, reasonOf(ack).split(":")[0]])).toEqual([
      [false, "the message is no ProducedFrame"],
      [false, 'a frame names its "event_type"'],
      [true, ""],
    ]);
    speaker.socket.destroy();
  });

  it("may break off in the middle of a message", async () => {
    const speaker = await connectSpeaker();
    speaker.socket.write(Buffer.concat([message("whole"), message("half").subarray(0, 5)]));
    await speaker.answered(1);
    speaker.socket.end();
    await speaker.ended;
    expect(speaker.acks.map(({ ok }) => ok)).toEqual([true, false]);
    expect(reasonOf(speaker.acks[1])).toContain("cut off");
  });
});

describe("kill -9 of the scribe", () => {
  it("in the middle of messages: what was acknowledged is stored once, what was cut is sent again, the chain verifies", async () => {
    const killed = await layOutPod(scene.stage, "killed", scene.peer.port, {
      ENCHANTED_AGENT_UID: "44444444-4444-4444-8444-444444444444",
    });
    let running = await startPodScribe(scene.stage, killed);
    const client = await connectFrameSocket({ path: killed.socket, clock: systemClock(), encoding: "protobuf" });
    const acknowledged = new Set<string>();
    const sent: Array<Promise<void>> = [];
    const send = async (name: string, length: number): Promise<void> => {
      const text = `${name}-${"x".repeat(length)}`;
      const event_id = stableId(name); // the recorder knows a frame sent again by a UUID
      const ack = await client.send({ event_id, event_type: "THOUGHT", payload: { text } });
      if (ack.ok) acknowledged.add(text);
    };
    for (let kill = 0; kill < 5; kill += 1) {
      const half = createConnection(killed.socket);
      half.on("error", () => undefined);
      half.write(Buffer.concat([Buffer.from([PROTOBUF_OPENER]), message("never whole").subarray(0, 9)]));
      // Larger than a socket's buffer, so that the kill finds one of them half written.
      for (let n = 0; n < 40; n += 1) sent.push(send(`${kill}-${n}`, n % 2 === 0 ? 10 : 30_000));
      const some = acknowledged.size + 10;
      await until("some are acknowledged", () => acknowledged.size >= some);
      await killRunning(running);
      half.destroy();
      running = await startPodScribe(scene.stage, killed);
    }
    await Promise.all(sent);
    await client.close();
    expect(await stopScribe(running)).toBe(0);
    const own = scene.peer.frames.filter(({ envelope }) => envelope.agent_uid === killed.env["ENCHANTED_AGENT_UID"]);
    expect(chainFault(own)).toBeUndefined();
    const thoughts = own.filter(({ envelope }) => envelope.event_type === "THOUGHT").map(producerPart);
    expect(acknowledged.size).toBe(200);
    expect(thoughts).toHaveLength(200); // and none twice
    expect(new Set(thoughts.map(({ payload }) => payload["text"]))).toEqual(acknowledged);
  });
});

describe("a flood on one connection", () => {
  it("waits at its own pace, while an error on another one goes through", async () => {
    const slowPod = await layOutPod(scene.stage, "slow", scene.peer.port, {
      ENCHANTED_AGENT_UID: "33333333-3333-4333-8333-333333333333",
      ENCHANTED_SOCKET_FRAMES_PER_SECOND: "10",
    });
    const slow = await startPodScribe(scene.stage, slowPod);
    const [flood, other] = [await connectWriter(slowPod.socket), await connectWriter(slowPod.socket)];
    // Written in pieces, so that the first ones exceed the pace before the last ones are read.
    for (let n = 0; n < 400; n += 1) flood.write(thought(`${n}-${"x".repeat(4_000)}`));
    await flood.answered(1);
    other.write(`${JSON.stringify({ event_type: "ERROR", payload: { message: "help" } })}\n`);
    await other.answered(1);
    expect(other.answers[0]).toMatchObject({ ok: true });
    expect(flood.answers.length).toBeLessThan(400);
    flood.socket.destroy();
    other.socket.destroy();
    await stopScribe(slow);
  });
});
