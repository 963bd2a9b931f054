import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { envelopeText, type Envelope } from "#nervous-system/schemas/envelope.ts";
import { compareHashes, compareLinks, unlinkedIn } from "#pipeline/auditor/compare-chains.ts";
import { compareLedger, compareStrange, strangeRows, type Compared } from "#pipeline/auditor/compare-ledger.ts";
import { gatherFindings, type Fault } from "#pipeline/auditor/finding.ts";
import { keyOf, rowOfFrame, type RecordRow } from "#pipeline/auditor/record-row.ts";

const uid = (n: number): string => `22222222-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** Appends a frame to its chain. */
const frameOf = (agent: number, seq: number, prevHash: string, place: number): StoredFrame => {
  const envelope: Envelope = {
    agent_uid: uid(agent),
    mission_uid: uid(999),
    mission: "m",
    namespace: "team-a",
    lineage: 0,
    producer: "agent",
    recorder: "scribe",
    epoch: 1,
    seq,
    observed: String(1_764_000_000_000_000_000n + BigInt(place)),
    event_type: "THOUGHT",
    event_id: `${agent}-${seq}`,
  };
  const [text, bytes] = [envelopeText(envelope), Buffer.from(`{"n":${place}}`)];
  const observedNs = BigInt(envelope.observed);
  const link = { agentUid: envelope.agent_uid, epoch: 1, seq, prevHash, observedNs, envelopeText: text, bytes };
  return { envelope, envelopeText: text, bytes, prevHash, hash: chainHash(link), place, storedNs: BigInt(place) };
};

/** Frames of a stream by whose turn it was, and how many of the first are not in the file that is compared. */
const streamOf = (turns: readonly number[]): StoredFrame[] => {
  const ends = new Map<number, { seq: number; hash: string }>();
  return turns.map((agent, at) => {
    const { seq, hash } = ends.get(agent) ?? { seq: 0, hash: zeroHash };
    const frame = frameOf(agent, seq + 1, hash, 512 + at);
    ends.set(agent, { seq: seq + 1, hash: frame.hash });
    return frame;
  });
};

const rowsOf = (frames: readonly StoredFrame[]): RecordRow[] => frames.map(rowOfFrame);

/** Compares as far as nothing else than rows explains what is strange; a place is the time at which it was stored. */
const compareRows = (compared: Compared, from: number, to: number): Fault[] => {
  const span = {
    after: { storedNs: BigInt(from), place: from - 1 },
    upTo: { storedNs: BigInt(to), place: to },
  };
  return [...compareLedger(compared), ...compareStrange(strangeRows(compared, span), compared.archived)];
};

/** Compares the file of the frames behind `from` as the auditor does. */
const compare = (frames: readonly StoredFrame[], from: number, ledger: readonly RecordRow[]): Fault[] => {
  const file = frames.slice(from);
  const rows = file.map(rowOfFrame);
  const wanted = new Set(unlinkedIn(rows).map((row) => `${row.agentUid}/${row.seq - 1}`));
  const before = ledger.filter((row) => wanted.has(`${row.agentUid}/${row.seq}`));
  const [first, last] = [file[0]?.place ?? 0, file.at(-1)?.place ?? 0];
  const inTime = ledger.filter(({ storedNs }) => storedNs >= BigInt(first) && storedNs <= BigInt(last));
  const keys = new Set(inTime.map(keyOf));
  const elsewhere = ledger.filter(
    (row) => !inTime.includes(row) && (keys.has(keyOf(row)) || rows.some((one) => keyOf(one) === keyOf(row))),
  );
  return [
    ...compareHashes(file, rows),
    ...compareLinks(rows, before),
    ...compareRows({ archived: rows, rows: [...inTime, ...elsewhere] }, first, last),
  ];
};

const anyStream = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 60 }).map(streamOf);
const anyFile = anyStream.chain((frames) =>
  fc.record({
    frames: fc.constant(frames),
    from: fc.integer({ min: 0, max: frames.length - 1 }),
    chosen: fc.integer({ min: 0, max: 1_000_000 }),
  }),
);

const another = "f".repeat(64);

/** What may become of a row of the file. */
const damages: Readonly<Record<string, (row: RecordRow) => RecordRow[]>> = {
  deleted: () => [],
  "with other bytes": (row) => [{ ...row, frame: another }],
  "with another envelope": (row) => [{ ...row, envelope: another }],
  "with another hash": (row) => [{ ...row, hash: another }],
  "behind another frame": (row) => [{ ...row, prevHash: another }],
  "of another type": (row) => [{ ...row, eventType: "ACTION" }],
  "twice, by another id": (row) => [row, { ...row, eventId: "another" }],
  "twice, on another day": (row) => [row, { ...row, day: "2025-11-25" }],
  "with a newer version that differs": (row) => [row, { ...row, storedNs: row.storedNs + 1n, frame: another }],
  "with other words in its columns": (row) => [{ ...row, columns: another }],
  "in another namespace": (row) => [{ ...row, namespace: "team-b" }],
  "in another mission": (row) => [{ ...row, missionUid: uid(998) }],
  "on another day": (row) => [{ ...row, day: "2025-11-25" }],
  "at another place": (row) => [{ ...row, place: row.place + 1_000_000 }],
  "at another time": (row) => [{ ...row, storedNs: row.storedNs - 1n }],
  "with a version as new that differs": (row) => [row, { ...row, frame: another }],
  "beside one that the archive lacks": (row) => [row, { ...row, seq: row.seq + 1000, eventId: "made up" }],
};

describe("archive and ledger, compared", () => {
  it("are the same where each row is its frame's, wherever the file begins", () => {
    fc.assert(fc.property(anyFile, ({ frames, from }) => expect(compare(frames, from, rowsOf(frames))).toEqual([])));
  });

  it("are the same where a row stands twice until its parts are merged, or was stored again later", () => {
    fc.assert(
      fc.property(anyFile, ({ frames, from, chosen }) => {
        const rows = rowsOf(frames);
        const row = rows[from + (chosen % (frames.length - from))]!;
        const again = { ...row, storedNs: row.storedNs + 1_000_000n };
        expect(compare(frames, from, [...rows, row, again])).toEqual([]);
      }),
    );
  });

  it.each(Object.entries(damages))("differ where a row is there %s, and the finding names its chain", (_, damage) => {
    fc.assert(
      fc.property(anyFile, ({ frames, from, chosen }) => {
        const at = from + (chosen % (frames.length - from));
        const rows = rowsOf(frames).flatMap((row, n) => (n === at ? damage(row) : [row]));
        const faults = compare(frames, from, rows);
        expect(faults.map(({ subject }) => subject)).toContain(`${frames[at]!.envelope.agent_uid}/1`);
      }),
    );
  });

  it("say so of a frame of the archive whose bytes are not those of its hash", () => {
    const frames = streamOf([1, 1, 2]);
    const altered = frames.map((frame, at) => (at === 1 ? { ...frame, bytes: Buffer.from("{}") } : frame));
    expect(compare(altered, 0, rowsOf(altered))).toEqual([
      { store: "archive", kind: "altered", subject: `${uid(1)}/1`, place: 513, what: "frame 2" },
    ]);
  });

  it("count the frames that no store holds", () => {
    const frames = streamOf([1, 1, 1, 1, 1, 2]);
    const kept = [frames[0]!, ...frames.slice(4)];
    expect(compare(kept, 1, rowsOf(kept))).toEqual([
      { store: "ledger", kind: "missing", subject: `${uid(1)}/1`, place: 516, what: "frames 1 to 4", frames: 4 },
    ]);
  });

  it("take the hash that a GAP carries for the one that the next frame follows", () => {
    const [first, second, third] = streamOf([1, 1, 1]);
    const envelope = { ...second!.envelope, event_type: "GAP", event_id: "gap" };
    const gap = { ...second!, envelope, envelopeText: envelopeText(envelope), bytes: Buffer.from("{}") };
    const frames = [first!, gap, third!];
    expect(compare(frames, 0, rowsOf(frames))).toEqual([]);
    // The true frame came into the ledger before the stream lost it.
    expect(compare(frames, 0, [...rowsOf(frames), rowsOf([second!])[0]!])).toEqual([]);
  });

  it("take an external client's event that was sent again for the newer one", () => {
    const [one] = streamOf([1]);
    const external = { ...one!, envelope: { ...one!.envelope, seq: 0 } };
    const [row] = rowsOf([external]);
    const again = { ...row!, hash: another, storedNs: row!.storedNs + 5n, place: 9999 };
    const archived = [rowOfFrame(external)];
    expect(compareRows({ archived, rows: [again] }, 512, 512)).toEqual([]);
    const older = { ...again, storedNs: row!.storedNs };
    expect(compareRows({ archived, rows: [older] }, 512, 512)).toMatchObject([{ kind: "altered" }]);
  });

  it("take whatever an epoch's first frame follows", () => {
    const resumed = [frameOf(1, 1, another, 512), frameOf(2, 1, zeroHash, 513)];
    expect(compare(resumed, 0, rowsOf(resumed))).toEqual([]);
  });
});

describe("findings", () => {
  it("tell the faults of one chain in one store once, with their number", () => {
    const fault = { store: "ledger", kind: "missing", subject: "a/1" } as const;
    const faults: Fault[] = [
      { ...fault, place: 7, what: "frame 1" },
      { ...fault, place: 8, what: "frame 2", frames: 3 },
      { ...fault, store: "archive", what: "frame 1" },
    ];
    expect(gatherFindings(faults)).toEqual([
      { ...fault, place: 7, frames: 4, first: "frame 1" },
      { ...fault, store: "archive", place: undefined, frames: 1, first: "frame 1" },
    ]);
  });
});
