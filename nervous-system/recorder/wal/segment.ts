import type { DiskFile } from "./disk.ts";
import { HEADER_BYTES, MAX_PAYLOAD_BYTES, mayBeginRecord, parseRecord, type Parsed } from "./record-codec.ts";

/**
 * A segment file. Its place in the order (`generation`), its first index and its salt stand in its name,
 * where no flipped bit of its content can lose them. A segment ends where the next generation begins.
 */
export type SegmentName = { file: string; generation: number; first: number; salt: number };

const PATTERN = /^(\d{8})-(\d{16})-([0-9a-f]{8})\.wal$/;

/** The name of the segment `generation` that begins with index `first`. */
export const segmentName = (generation: number, first: number, salt: number): SegmentName => {
  const order = `${String(generation).padStart(8, "0")}-${String(first).padStart(16, "0")}`;
  return { file: `${order}-${salt.toString(16).padStart(8, "0")}.wal`, generation, first, salt };
};

/** The segments among `files`, oldest first. */
export const parseSegmentNames = (files: readonly string[]): SegmentName[] =>
  files
    .flatMap((file) => {
      const [, generation, first, salt] = PATTERN.exec(file) ?? [];
      if (generation === undefined || first === undefined || salt === undefined) return [];
      return [{ file, generation: Number(generation), first: Number(first), salt: Number.parseInt(salt, 16) }];
    })
    .toSorted((a, b) => a.generation - b.generation);

/** What a scan meets. `offset` is where it stands, `end` where the next begins. A bad stretch that nothing whole follows is a `tail`. */
export type ScanStep =
  | { kind: "record"; index: number; payload: Buffer; offset: number; end: number }
  | { kind: "lost"; from: number; to: number; offset: number; end: number }
  | { kind: "tail"; why: "torn" | "corrupt"; lostTo: number; offset: number };

/** Where a scan of a segment stands: the byte offset and the index that should stand there. */
export type ScanPlace = { offset: number; expected: number };

const WINDOW_BYTES = 256 * 1024;
const LARGEST_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;

type Window = { start: number; bytes: Buffer };
type Segment = { file: DiskFile; salt: number; end: number };

const load = async (segment: Segment, offset: number, atLeast: number): Promise<Window> => {
  const length = Math.min(Math.max(atLeast, WINDOW_BYTES), segment.end - offset);
  return { start: offset, bytes: await segment.file.read(offset, Math.max(0, length)) };
};

const holds = (window: Window, offset: number, needBytes: number): boolean =>
  offset >= window.start && offset + needBytes <= window.start + window.bytes.length;

const lastNonZero = (bytes: Buffer): number => bytes.findLastIndex((byte) => byte !== 0);

/** The next whole record behind `place.offset`, searched byte by byte; it may be any later one. */
const findNext = async (segment: Segment, place: ScanPlace): Promise<{ offset: number; index: number } | undefined> => {
  for (let from = place.offset + 1; from + HEADER_BYTES <= segment.end; from += WINDOW_BYTES) {
    const window = await load(segment, from, WINDOW_BYTES + LARGEST_BYTES);
    const stop = Math.min(WINDOW_BYTES, window.bytes.length);
    for (let at = 0; at < stop; at += 1) {
      if (!mayBeginRecord(window.bytes, at, place.expected, place.expected + segment.end)) continue;
      const parsed = parseRecord(window.bytes, at, segment.salt);
      if (parsed.kind === "record") return { offset: from + at, index: parsed.index };
    }
  }
  return undefined;
};

const resync = async (segment: Segment, place: ScanPlace, tail: ScanStep): Promise<ScanStep> => {
  const next = await findNext(segment, place);
  if (next === undefined) return tail;
  return { kind: "lost", from: place.expected, to: next.index - 1, offset: place.offset, end: next.offset };
};

/**
 * Whether everything from `offset` on is zero. Then the file grew and its bytes never came: a write that was never
 * acknowledged. What was acknowledged ends in its payload's last byte, and none that a recorder writes is zero.
 */
const isZeroFrom = async (segment: Segment, offset: number): Promise<boolean> => {
  for (let from = offset; from < segment.end; from += WINDOW_BYTES) {
    const { bytes } = await load(segment, from, WINDOW_BYTES);
    if (lastNonZero(bytes) >= 0) return false;
  }
  return true;
};

const onBadHeader = async (segment: Segment, place: ScanPlace): Promise<ScanStep> => {
  if (await isZeroFrom(segment, place.offset + HEADER_BYTES)) return tornAt(place);
  return resync(segment, place, { kind: "tail", why: "corrupt", lostTo: place.expected, offset: place.offset });
};

const onBadPayload = async (
  segment: Segment,
  place: ScanPlace,
  bad: { index: number; end: number },
): Promise<ScanStep> => {
  if (await isZeroFrom(segment, bad.end - 1)) return tornAt(place);
  return { kind: "lost", from: place.expected, to: bad.index, offset: place.offset, end: bad.end };
};

const tornAt = ({ offset, expected }: ScanPlace): ScanStep => ({
  kind: "tail",
  why: "torn",
  lostTo: expected - 1,
  offset,
});

/** What stands at `place`, with a window that reaches as far as it needs. */
const parseAt = async (
  segment: Segment,
  window: Window,
  offset: number,
): Promise<{ window: Window; parsed: Parsed }> => {
  const near = holds(window, offset, HEADER_BYTES) ? window : await load(segment, offset, HEADER_BYTES);
  const parsed = parseRecord(near.bytes, offset - near.start, segment.salt);
  if (parsed.kind !== "short" || offset + parsed.needBytes > segment.end) return { window: near, parsed };
  const far = await load(segment, offset, parsed.needBytes);
  return { window: far, parsed: parseRecord(far.bytes, 0, segment.salt) };
};

const stepOf = (segment: Segment, place: ScanPlace, parsed: Parsed): ScanStep | Promise<ScanStep> => {
  const { offset } = place;
  switch (parsed.kind) {
    case "record":
      return { kind: "record", index: parsed.index, payload: parsed.payload, offset, end: offset + parsed.size };
    case "badPayload":
      return onBadPayload(segment, place, { index: parsed.index, end: offset + parsed.size });
    case "short":
      return tornAt(place);
    case "badHeader":
      return onBadHeader(segment, place);
  }
};

/** Walks one segment from `place`, in windows of 256 KiB, and gives each record, each loss and at last the tail if it is bad. */
export async function* scanSegment(segment: Segment, place: ScanPlace): AsyncGenerator<ScanStep, void, undefined> {
  let { offset, expected } = place;
  let window: Window = { start: offset, bytes: Buffer.alloc(0) };
  while (offset < segment.end) {
    const found = await parseAt(segment, window, offset);
    window = found.window;
    const step = await stepOf(segment, { offset, expected }, found.parsed);
    if (step.kind === "record" && step.index > expected) {
      yield { kind: "lost", from: expected, to: step.index - 1, offset, end: offset };
    }
    yield step;
    if (step.kind === "tail") return;
    offset = step.end;
    expected = (step.kind === "record" ? step.index : step.to) + 1;
  }
}
