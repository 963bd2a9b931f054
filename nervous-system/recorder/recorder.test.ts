import { describe, expect, it } from "@jest/globals";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { parseEnvelope } from "#nervous-system/schemas/envelope.ts";
import { countingIds } from "#nervous-system/schemas/ids.ts";
import type { ComposedFrame } from "./compose.ts";
import { createRedactor } from "./redact.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { decodeStoredFrame } from "./stored-record.ts";
import { identity, openTestWal, readFrames } from "#test/builders/recorder.ts";
import { createSimulatedDisk } from "#test/simulation/simulated-disk.ts";
import type { Wal } from "./wal/wal.ts";

type Bench = { recorder: Recorder; wal: Wal; clock: ManualClock; frames: () => Promise<ComposedFrame[]> };

const START_MS = Date.parse("2026-11-21T05:00:00Z");

const bench = async (epoch = 1): Promise<Bench> => {
  const clock = manualClock(START_MS);
  const wal = await openTestWal(createSimulatedDisk());
  const recorder = await createRecorder({ identity, wal, clock, ids: countingIds(), epoch });
  return { recorder, wal, clock, frames: () => readFrames(wal) };
};

// Made of pieces, so that nobody takes it for a secret that leaked.
const secret = ["AK", "IA", "ABCDEFGHIJKLMNOP"].join("");
const agent = { producer: "agent" } as const;
const thought = (text: string): string => JSON.stringify({ event_type: "THOUGHT", payload: { text } });
const partOf = (frame: ComposedFrame): Record<string, unknown> =>
  JSON.parse(Buffer.from(frame.bytes).toString("utf8")) as Record<string, unknown>;

describe("the recorder", () => {
  it("numbers frames from 1, chains them, and every hash is that of the bytes that are kept", async () => {
    const { recorder, frames } = await bench();
    const results = await Promise.all(["a", "b", "c"].map((text) => recorder.recordLine(thought(text), agent)));
    expect(results.map((result) => result.ok && result.seq)).toEqual([1, 2, 3]);
    let prevHash = zeroHash;
    for (const frame of await frames()) {
      const { envelope } = frame;
      expect(parseEnvelope(frame.envelopeText).ok).toBe(true);
      expect(frame.prevHash).toBe(prevHash);
      expect(frame.hash).toBe(
        chainHash({
          agentUid: identity.agent_uid,
          epoch: 1,
          seq: envelope.seq,
          prevHash,
          observedNs: BigInt(envelope.observed),
          envelopeText: frame.envelopeText,
          bytes: frame.bytes,
        }),
      );
      prevHash = frame.hash;
    }
    expect(recorder.written()).toMatchObject({ seq: 3, hash: prevHash });
  });

  it("stamps what the producer left out, and keeps what it said", async () => {
    const { recorder, frames } = await bench();
    await recorder.recordLine(thought("x"), agent);
    const own = { event_id: "mine", timestamp: "2026-11-21T04:59:34.123456789Z", agent_id: "architect" };
    await recorder.recordLine(JSON.stringify({ ...own, event: "THOUGHT", text: "y" }), agent);
    const [stamped, kept] = await frames();
    expect(partOf(stamped as ComposedFrame)).toMatchObject({
      event_id: "00000000-0000-7000-8000-000000000001",
      timestamp: "2026-11-21T05:00:00.000000000Z",
      agent_id: identity.agentId,
    });
    expect(partOf(kept as ComposedFrame)).toMatchObject({ ...own, event_type: "THOUGHT", payload: { text: "y" } });
    expect(kept?.claimedNs).toBe(BigInt(Date.parse("2026-11-21T04:59:34Z")) * 1_000_000n + 123_456_789n);
    expect(kept?.envelope.event_id).toBe("mine");
  });

  it("flags a claim that is off by more than a minute, and a payload that lacks its fields", async () => {
    const { recorder, frames } = await bench();
    const at = (offsetMs: number): string =>
      JSON.stringify({ event_type: "THOUGHT", text: "t", timestamp: new Date(START_MS + offsetMs).toISOString() });
    for (const line of [at(-59_000), at(-61_000), at(3_600_000), '{"event_type":"THOUGHT"}']) {
      await recorder.recordLine(line, agent);
    }
    expect((await frames()).map((frame) => frame.envelope.flags)).toEqual([
      undefined,
      ["clock_skew"],
      ["clock_skew"],
      ["payload_invalid"],
    ]);
  });

  it.each([
    ["not JSON", "{half", "Malformed"],
    ["not an object", "[1]", "Malformed"],
    ["no type", '{"payload":{}}', "Malformed"],
    ["a type that an agent may not write", '{"event_type":"VERDICT","payload":{}}', "Forbidden"],
    ["too large", JSON.stringify({ event_type: "THOUGHT", text: "x".repeat(256 * 1024) }), "TooLarge"],
    ["too large with its stamps", `{"event_type":"THOUGHT","text":"${"x".repeat(256 * 1024 - 40)}"}`, "TooLarge"],
  ])("refuses a line that is %s, and gives it no number", async (_name, line, code) => {
    const { recorder, frames } = await bench();
    expect(await recorder.recordLine(line, agent)).toMatchObject({ ok: false, code });
    expect(await recorder.recordLine(thought("next"), agent)).toMatchObject({ ok: true, seq: 1 });
    expect(await frames()).toHaveLength(1);
  });

  it("keeps the spelling of numbers that a double would change, and judges them as numbers", async () => {
    const { recorder, frames } = await bench();
    const line =
      '{"event_type":"DECISION_RATIONALE","payload":{"reasoning":"r","rejected_alternatives":[],"confidence_score":1.0,"big":12345678901234567890}}';
    await recorder.recordLine(line, agent);
    const [frame] = await frames();
    const text = Buffer.from((frame as ComposedFrame).bytes).toString("utf8");
    expect(text).toContain('"confidence_score":1.0,"big":12345678901234567890');
    expect(frame?.envelope.flags).toBeUndefined();
  });

  it("takes trace ids into the envelope and leaves stamps that a producer invents in its payload", async () => {
    const { recorder, frames } = await bench();
    const trace = { trace_id: "ab".repeat(16), span_id: "cd".repeat(8) };
    await recorder.recordLine(
      JSON.stringify({ event_type: "THOUGHT", text: "t", ...trace, seq: 99, producer: "scribe" }),
      agent,
    );
    const [frame] = await frames();
    expect(frame?.envelope).toMatchObject({ ...trace, seq: 1, producer: "agent" });
    expect(partOf(frame as ComposedFrame)).toMatchObject({ payload: { text: "t", seq: 99, producer: "scribe" } });
    expect(partOf(frame as ComposedFrame)["payload"]).not.toHaveProperty("trace_id");
  });

  it.each([
    ["", '"text":"once"'],
    [" with a secret in it", `"text":"${secret}","count":1`],
    [" with numbers in another spelling", '"text":"once","cost":1.0,"big":12345678901234567890'],
  ])("gives a frame%s that is sent again the place that it has, also after a restart", async (_name, members) => {
    const disk = createSimulatedDisk();
    const line = `{"event_id":"0197a3f0-0000-7000-8000-00000000abcd","event_type":"THOUGHT",${members}}`;
    for (const life of [1, 2]) {
      const wal = await openTestWal(disk, life);
      const recorder = await createRecorder({
        identity,
        wal,
        clock: manualClock(),
        ids: countingIds(),
        epoch: 1,
        redactor: createRedactor([]),
      });
      const twice = await Promise.all([recorder.recordLine(line, agent), recorder.recordLine(line, agent)]);
      expect(twice.map((result) => result.ok && result.seq)).toEqual([1, 1]);
      expect(await readFrames(wal)).toHaveLength(1);
      await wal.close();
    }
  });

  it("writes no secret, says that it withheld something, and keeps the spelling of numbers beside it", async () => {
    const wal = await openTestWal(createSimulatedDisk());
    const redactor = createRedactor([{ name: "ticket", pattern: "ACME-[0-9]+" }]);
    const recorder = await createRecorder({
      identity,
      wal,
      clock: manualClock(),
      ids: countingIds(),
      epoch: 1,
      redactor,
    });
    await recorder.recordLine(`{"event_type":"THOUGHT","text":"${secret} ACME-7","cost":1.0,"list":[]}`, agent);
    await recorder.recordLine(thought("nothing"), agent);
    const [first, second] = await readFrames(wal);
    expect(Buffer.from((first as ComposedFrame).bytes).toString("utf8")).toContain(
      '"payload":{"text":"[redacted:aws-key] [redacted:ticket]","cost":1.0,"list":[]}',
    );
    expect([first?.envelope.flags, second?.envelope.flags]).toEqual([["withheld"], undefined]);
    await wal.close();
  });

  it("writes no secret as an id either, and knows the frame by what stands in its place", async () => {
    const wal = await openTestWal(createSimulatedDisk());
    const redactor = createRedactor([{ name: "hex", pattern: "[0-9a-f]{8}" }]);
    const recorder = await createRecorder({
      identity,
      wal,
      clock: manualClock(),
      ids: countingIds(),
      epoch: 1,
      redactor,
    });
    const stamps = { event_id: secret, agent_id: `coder ${secret}`, related_commit_hash: secret };
    const line = JSON.stringify({ ...stamps, event_type: "THOUGHT", text: "mine" });
    await recorder.recordLine(line, agent);
    await recorder.recordLine(line, agent);
    await recorder.recordLine(JSON.stringify({ event_type: "THOUGHT", parent_event_id: secret, text: "next" }), agent);
    const kept = "0197a3f0-0000-7000-8000-00000000abcd";
    await recorder.recordLine(JSON.stringify({ event_type: "THOUGHT", event_id: kept, text: "b" }), agent);
    const frames = await readFrames(wal);
    expect(frames).toHaveLength(3);
    const [first, second, third] = frames as [ComposedFrame, ComposedFrame, ComposedFrame];
    for (const { envelopeText, bytes } of frames)
      expect(envelopeText + Buffer.from(bytes).toString()).not.toContain(secret);
    expect(partOf(first)).toMatchObject({
      event_id: first.envelope.event_id,
      agent_id: "coder [redacted:aws-key]",
      related_commit_hash: "[redacted:aws-key]",
    });
    expect(second.envelope.parent_event_id).toBe(first.envelope.event_id);
    expect([first, second, third].map(({ envelope }) => envelope.flags)).toEqual([
      ["withheld"],
      ["withheld"],
      undefined,
    ]);
    expect(third.envelope.event_id).toBe(kept);
    await wal.close();
  });

  it("refuses by name what cannot be composed, and goes on behind it", async () => {
    const { recorder, frames } = await bench();
    const subject = { mission: "\ud800" };
    const refused = recorder.recordLine(thought("a"), { producer: "agent", subject });
    const [first, second] = await Promise.all([refused, recorder.recordLine(thought("b"), agent)]);
    expect(first).toEqual({
      ok: false,
      code: "Malformed",
      reason: expect.stringContaining("the frame cannot be recorded: "),
    });
    expect(second).toMatchObject({ ok: true, seq: 1 });
    expect(await frames()).toHaveLength(1);
  });

  it("refuses what nests too deeply, which would end the stack of whoever writes it", async () => {
    const { recorder } = await bench();
    const nested = (levels: number): string =>
      `{"event_type":"THOUGHT","text":"t","deep":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    expect(await recorder.recordLine(nested(90), agent)).toMatchObject({ ok: true });
    for (const levels of [300, 100_000]) {
      expect(await recorder.recordLine(nested(levels), agent)).toMatchObject({
        code: "Malformed",
        reason: expect.stringMatching(/nested deeper than 100/),
      });
    }
  });

  it("records twice what two producers' counters named alike", async () => {
    const { recorder, frames } = await bench();
    const line = JSON.stringify({ event_id: "1", event_type: "THOUGHT", text: "again" });
    await recorder.recordLine(line, agent);
    await recorder.recordLine(line, agent);
    expect(await frames()).toHaveLength(2);
  });

  it("continues the epoch after a restart, and begins the next one behind the last hash", async () => {
    const disk = createSimulatedDisk();
    const open = async (life: number, epoch: number): Promise<{ recorder: Recorder; wal: Wal }> => {
      const wal = await openTestWal(disk, life);
      return {
        wal,
        recorder: await createRecorder({ identity, wal, clock: manualClock(), ids: countingIds(), epoch }),
      };
    };
    const first = await open(1, 1);
    await first.recorder.recordLine(thought("one"), agent);
    await first.wal.close();
    const second = await open(2, 1);
    expect(await second.recorder.recordLine(thought("two"), agent)).toMatchObject({ seq: 2 });
    const { hash } = second.recorder.written();
    await second.wal.close();
    const third = await open(3, 2);
    expect(await third.recorder.recordLine(thought("three"), agent)).toMatchObject({ seq: 1 });
    const last = (await readFrames(third.wal)).at(-1);
    expect(last).toMatchObject({ prevHash: hash, envelope: { epoch: 2, seq: 1 } });
    await third.wal.close();
    await expect(open(4, 1)).rejects.toThrow(/epoch 2, later than 1/);
  });

  it("puts GAPs where acknowledged frames at the end of the log are gone", async () => {
    const disk = createSimulatedDisk();
    const wal = await openTestWal(disk, 1);
    const recorder = await createRecorder({ identity, wal, clock: manualClock(), ids: countingIds(), epoch: 1 });
    for (const text of ["one", "two", "three"]) await recorder.recordLine(thought(text), agent);
    await wal.close();
    const path = disk.paths().find((name) => name.endsWith(".wal")) as string;
    disk.cutFile(path, disk.contents(path).length / 2);
    const reopened = await openTestWal(disk, 2);
    const next = await createRecorder({ identity, wal: reopened, clock: manualClock(), ids: countingIds(), epoch: 1 });
    expect(await next.recordLine(thought("four"), agent)).toMatchObject({ seq: 5 });
    const frames = await readFrames(reopened);
    expect(frames.map(({ envelope }) => [envelope.seq, envelope.event_type])).toEqual([
      [1, "THOUGHT"],
      [2, "GAP"],
      [3, "GAP"],
      [4, "GAP"], // ties what follows to the stream, which may hold what is lost here
      [5, "THOUGHT"],
    ]);
    expect(partOf(frames[1] as ComposedFrame)["payload"]).toMatchObject({ epoch: 1, from: 2, to: 3 });
  });

  it("puts them into a log that is full, too: whoever makes room begins behind them", async () => {
    const disk = createSimulatedDisk();
    const wal = await openTestWal(disk, 1);
    const recorder = await createRecorder({ identity, wal, clock: manualClock(), ids: countingIds(), epoch: 1 });
    for (const text of ["one", "two"]) await recorder.recordLine(thought(text), agent);
    await wal.close();
    const path = disk.paths().find((name) => name.endsWith(".wal")) as string;
    disk.cutFile(path, disk.contents(path).length / 2);
    const full = await openTestWal(disk, 2, { maxBytes: 100 });
    const next = await createRecorder({ identity, wal: full, clock: manualClock(), ids: countingIds(), epoch: 1 });
    expect(next.written().seq).toBe(3);
    const said = next.recordLine(thought("three"), agent);
    while (full.stats().stall?.reason !== "full") await new Promise(setImmediate);
    await full.close();
    await expect(said).rejects.toThrow("was closed while");
  });
});

describe("a stored record", () => {
  it("of a format that this version does not know is named, not guessed", async () => {
    const { recorder, wal } = await bench();
    await recorder.recordLine(thought("x"), agent);
    const [entry] = await wal.reader(1).next({ records: 1, bytes: 1 });
    const payload = entry?.kind === "record" ? Buffer.from(entry.payload) : Buffer.alloc(0);
    payload.writeUInt8(9, 0);
    expect(() => decodeStoredFrame(payload)).toThrow(/format 9/);
  });
});
