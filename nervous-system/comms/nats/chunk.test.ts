import { hash as digestOf } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import protobuf from "protobufjs";
import { envelopeText, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chunkHeaders, laneOf } from "#nervous-system/schemas/subjects.ts";
import { createChunkCache } from "./chunk-cache.ts";
import { cutChunks, maxChunkBytes, type Chunk } from "./chunk.ts";
import { chunkOf, maxChunkFrames, placeOf } from "./place.ts";
import { fingerprintOf, readChunk, readCount, readSummary, type StreamMessage } from "./read-chunk.ts";

const uid = (n: number): string => `22222222-0000-4000-8000-${String(n).padStart(12, "0")}`;
const hashOf = (n: number): string => n.toString(16).padStart(64, "0");

/** Bytes that no packing makes smaller, the same for the same size. */
const noise = (size: number): Buffer => {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, n) => digestOf("sha256", `${size} ${n}`, "buffer"));
  return Buffer.concat(blocks).subarray(0, size);
};

type Said = { mission: number; type: string; bytes: number; principal: string | undefined };

/** The frames of one chain, from seq 1 on. */
const chain = (agent: number, said: readonly Said[]): RecordedFrame[] =>
  said.map(({ mission, type, bytes, principal }, at) => {
    const envelope: Envelope = {
      agent_uid: uid(agent),
      mission_uid: uid(900 + mission),
      mission: "m",
      namespace: "team-a",
      lineage: 0,
      producer: "agent",
      recorder: "scribe",
      epoch: 1,
      seq: at + 1,
      observed: String(1000 + at),
      event_type: type,
      event_id: `${agent}-${at}`,
    };
    const [prevHash, hash] = [hashOf(agent * 10_000 + at), hashOf(agent * 10_000 + at + 1)];
    return {
      envelope,
      envelopeText: envelopeText(envelope),
      bytes: noise(bytes),
      principal,
      prevHash,
      hash,
    };
  });

/** The message of a chunk as a reader has it. */
const messageOf = ({ message }: Chunk, streamSeq = 7): StreamMessage => {
  const headers = new Map(message.headerLines.split("\r\n").map((line) => line.split(": ") as [string, string]));
  const { subject, data } = message;
  return { subject, data, header: (name) => headers.get(name) ?? "", streamSeq, storedNs: 5n };
};

const said = fc.record({
  mission: fc.constantFrom(0, 0, 0, 0, 1),
  type: fc.constantFrom("THOUGHT", "THOUGHT", "THOUGHT", "PLAN", "NEWER_TYPE"),
  bytes: fc.oneof({ weight: 30, arbitrary: fc.nat(400) }, { weight: 3, arbitrary: fc.constantFrom(190_000, 250_000) }),
  principal: fc.constantFrom(undefined, undefined, undefined, "ann é\r\n", "system:x"),
});

const framesIn = (chunk: Chunk): RecordedFrame[] =>
  readChunk(messageOf(chunk)).map((item) => {
    if (item.kind === "poison") throw new Error(item.poison.reason);
    const { place: _place, storedNs: _storedNs, ...frame } = item.frame;
    return frame;
  });

/** Everything of a frame, in a form that is compared fast. */
const shown = ({ bytes, envelopeText: text, hash, prevHash, principal = "" }: RecordedFrame): string =>
  [text, digestOf("sha256", bytes), bytes.length, hash, prevHash, principal].join(" ");

describe("a chunk", () => {
  it("is of one chain, mission, lane and user, within both bounds, and gives back every frame as it was", () => {
    fc.assert(
      fc.property(fc.array(said, { maxLength: 60 }), fc.array(said, { maxLength: 20 }), (one, two) => {
        const frames = [...chain(1, one), ...chain(2, two)];
        const chunks = cutChunks(frames);
        expect(chunks.flatMap(framesIn).map(shown)).toEqual(frames.map(shown));
        for (const { frames: held, message } of chunks) {
          const kinds = held.map(({ envelope: e, principal }) =>
            [e.agent_uid, e.mission_uid, laneOf(e.event_type), principal].join(" "),
          );
          expect(new Set(kinds).size).toBe(1);
          const bytes = held.reduce((sum, frame) => sum + frame.bytes.length, 0);
          expect(held.length === 1 || bytes <= maxChunkBytes).toBe(true);
          // What the server takes, with subject and headers.
          expect(message.data.length + message.headerLines.length).toBeLessThan(1_000_000);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("holds at most 512 frames, and its headers say what stands in it", () => {
    const frames = chain(
      3,
      Array.from({ length: 1200 }, () => ({ mission: 0, type: "ACTION", bytes: 300, principal: undefined })),
    );
    const chunks = cutChunks(frames);
    expect(chunks.map(({ frames: held }) => held.length)).toEqual([512, 512, 176]);
    const message = messageOf(chunks[1]!);
    expect(readSummary(message)).toEqual({ lastSeq: 1024, hash: frames[1023]!.hash, principal: undefined });
    expect([readCount(message), message.header(chunkHeaders.firstSeq)]).toEqual([512, "513"]);
    expect(fingerprintOf(message)).toBe(`${frames[1023]!.hash.slice(0, 32)}-5`);
    expect(fingerprintOf({ ...message, storedNs: 6n })).not.toBe(fingerprintOf(message));
    // Packed: a fifth of what it was, and less.
    expect(message.data.length * 5).toBeLessThan(512 * 300);
  });

  it("is cut before it is larger than a message may be", () => {
    const large = { mission: 0, type: "ACTION", bytes: 250_000, principal: undefined };
    const chunks = cutChunks(chain(8, [large, large, large, large, large]));
    expect(chunks.map(({ frames: held }) => held.length)).toEqual([3, 2]);
  });

  it("cuts where frames of the chain are missing between, and keeps what belongs to no chain apart", () => {
    const frames = chain(
      4,
      Array.from({ length: 4 }, () => ({ mission: 0, type: "ACTION", bytes: 10, principal: "a" })),
    );
    const missing = cutChunks([frames[0]!, frames[1]!, frames[3]!]);
    expect(missing.map(({ frames: held }) => held.length)).toEqual([2, 1]);
    const unchained = frames.map((frame) => ({ ...frame, envelope: { ...frame.envelope, seq: 0 } }));
    expect(cutChunks(unchained)).toHaveLength(4);
  });

  it("takes a record as it came, and is a request that any OpenTelemetry decoder reads", () => {
    const { Request } = protobuf.parse(`
      syntax = "proto3";
      message Request { repeated R r = 1; } message R { repeated S s = 2; } message S { repeated L l = 2; }
      message L { bytes body = 5; string event_name = 12; string other = 8; }
    `).root.nested as Record<string, protobuf.Type>;
    const record = protobuf.Type.fromJSON("L", {
      fields: { other: { id: 8, type: "string" }, name: { id: 12, type: "string" } },
    }).encode({ other: "kept", name: "enchanted.ACTION" });
    const [frame] = chain(5, [{ mission: 0, type: "ACTION", bytes: 10, principal: undefined }]);
    const [chunk] = cutChunks([{ ...frame!, record: record.finish() }]);
    expect(Request!.toObject(Request!.decode(chunk!.message.data))).toEqual({
      r: [{ s: [{ l: [{ other: "kept", eventName: "enchanted.ACTION" }] }] }],
    });
  });
});

describe("a message of the stream that is no chunk", () => {
  const [chunk] = cutChunks(
    chain(
      6,
      Array.from({ length: 40 }, () => ({ mission: 0, type: "ACTION", bytes: 100, principal: undefined })),
    ),
  );
  const good = messageOf(chunk!);
  const having = (changed: Record<string, string>, data = good.data): StreamMessage => ({
    ...good,
    data,
    header: (name) => changed[name] ?? good.header(name),
  });
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  it.each([
    ["says another count", having({ [chunkHeaders.count]: "39" })],
    ["says a count that no chunk has", having({ [chunkHeaders.count]: "513" })],
    ["is packed in a way nobody knows", having({ [chunkHeaders.encoding]: "lz4" })],
    ["is not packed, and says so", having({ [chunkHeaders.encoding]: "zstd" }, Buffer.from("{}"))],
    ["unfolds to more than a chunk holds", having({}, bomb)],
    ["is cut off", having({}, good.data.subarray(0, 100))],
    ["is empty", having({ [chunkHeaders.encoding]: "" }, Buffer.alloc(0))],
  ])("is one item with the reason, where it %s", (_, message) => {
    expect(readChunk(message)).toEqual([
      { kind: "poison", poison: expect.objectContaining({ place: placeOf(7, 0), reason: expect.any(String) }) },
    ]);
  });

  it("loses only the frame that cannot be read", () => {
    const frames = chain(
      7,
      Array.from({ length: 3 }, () => ({ mission: 0, type: "ACTION", bytes: 10, principal: undefined })),
    );
    const broken = { ...frames[1]!, envelopeText: "{}" };
    const items = readChunk(messageOf(cutChunks([frames[0]!, broken, frames[2]!])[0]!));
    expect(items.map(({ kind }) => kind)).toEqual(["frame", "poison", "frame"]);
    expect(items[1]).toMatchObject({ poison: { place: placeOf(7, 1) } });
  });
});

describe("a place", () => {
  it("is one number in the order of the stream, exact as long as any stream lasts", () => {
    const at = fc.tuple(fc.integer({ min: 1, max: 2 ** 44 - 1 }), fc.integer({ min: 0, max: maxChunkFrames - 1 }));
    fc.assert(
      fc.property(at, at, (a, b) => {
        const [one, two] = [placeOf(...a), placeOf(...b)];
        expect(Number.isSafeInteger(one)).toBe(true);
        expect(chunkOf(one)).toBe(a[0]);
        expect(Math.sign(one - two)).toBe(Math.sign(a[0] - b[0]) || Math.sign(a[1] - b[1]));
      }),
    );
  });
});

describe("createChunkCache", () => {
  const frames = chain(1, [{ mission: 0, type: "THOUGHT", bytes: 1_000, principal: undefined }]);
  const [chunk] = cutChunks(frames);
  const at = (streamSeq: number, storedNs = 5n): StreamMessage => ({
    ...messageOf(chunk as Chunk, streamSeq),
    storedNs,
  });

  it("reads a message once for two readers, and again where another stands in its place", () => {
    const cache = createChunkCache(1_000_000);
    const [one, other] = [cache.open(), cache.open()];
    const read = one.read(at(7));
    expect(read).toEqual({ hash: fingerprintOf(at(7)), items: readChunk(at(7)) });
    expect(other.read(at(7))).toBe(read);
    expect(other.read(at(8))).not.toBe(read);
    expect(other.read(at(7, 6n))).not.toBe(read);
  });

  it("keeps what was read last, as much as it may", () => {
    const cache = createChunkCache(5_000);
    const [one, other] = [cache.open(), cache.open()];
    const reads = [1, 2, 3, 4, 5].map((seq) => one.read(at(seq)));
    expect(other.read(at(5))).toBe(reads[4]);
    expect(other.read(at(1))).not.toBe(reads[0]);
  });

  it("keeps nothing for one reader alone, nor what was read while there was another", () => {
    const cache = createChunkCache(1_000_000);
    const one = cache.open();
    expect(one.read(at(7))).not.toBe(one.read(at(7)));
    const other = cache.open();
    const read = one.read(at(7));
    other.close();
    other.close();
    expect(one.read(at(7))).not.toBe(read);
    const third = cache.open();
    expect(third.read(at(8))).toBe(one.read(at(8)));
  });
});
