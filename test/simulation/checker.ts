import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chainFaults, placeOf } from "./check-chains.ts";
import type { Operation, RecordedDeed } from "./history.ts";
import { digestOf } from "./producer.ts";
import { digestOfStream } from "./stream-digest.ts";

/** What is judged: everything that was tried and answered, and the stream at the end, in its order. */
export type Evidence = {
  readonly history: readonly Operation[];
  readonly stream: readonly StoredFrame[];
  /** What the ledger holds, a row a key. What the stream lost after it had it, its recorder may have let go of, and a GAP stands in its place. */
  readonly ledger: readonly StoredFrame[];
  /** Chains (agent UIDs) whose disk lost or changed what it had promised: there a named GAP may stand for a frame. */
  readonly flipped: ReadonlySet<string>;
  /** Chains whose disk answered syncs without doing them, and then lost power: what only that disk held may be gone without a trace. */
  readonly lied: ReadonlySet<string>;
  /** Whether the stream may have lost what it acknowledged, to be healed. */
  readonly streamForgets: boolean;
};

/** One rule that does not hold. */
export type Violation = { readonly rule: string; readonly why: string };

type ByRule = (evidence: Evidence, index: Index) => Iterable<string>;

/** The stream by what is asked of it. */
type Index = {
  readonly byId: ReadonlyMap<string, readonly RecordedFrame[]>;
  readonly byPlace: ReadonlyMap<string, RecordedFrame>;
  /** Frames of the ledger that the stream does not hold, by place. */
  readonly elsewhere: ReadonlyMap<string, RecordedFrame>;
  readonly said: ReadonlyMap<string, RecordedDeed>;
};

const idKey = (agent: string, id: string): string => `${agent} ${id}`;

const contentOf = (frame: RecordedFrame): string => {
  const { event_type, payload } = JSON.parse(Buffer.from(frame.bytes).toString("utf8")) as Record<string, unknown>;
  return digestOf(String(event_type), payload);
};

const indexOf = ({ history, stream, ledger }: Evidence): Index => {
  const held = new Set(stream.map(({ hash }) => hash));
  const said = new Map<string, RecordedDeed>();
  for (const { f, value } of history) if (f === "record") said.set(idKey(value.agent, value.id), value);
  return {
    byId: Map.groupBy(stream, ({ envelope }) => idKey(envelope.agent_uid, envelope.event_id)),
    byPlace: new Map(stream.map((frame) => [placeOf(frame), frame])),
    elsewhere: new Map(
      ledger.flatMap((frame) => (isGap(frame) || held.has(frame.hash) ? [] : [[placeOf(frame), frame]])),
    ),
    said,
  };
};

const isGap = (frame: RecordedFrame | undefined): boolean => frame?.envelope.event_type === "GAP";

const acknowledged = (history: readonly Operation[]): RecordedDeed[] =>
  history.flatMap(({ f, type, value }) => (f === "record" && type === "ok" ? [value] : []));

const toldPlace = ({ agent, epoch, seq }: RecordedDeed): string => `${agent}/${epoch}/${seq}`;

/** GAPs of each chain that stand in no acknowledged frame's place: all frames of an epoch may be lost, and then stand for them at the end of the one before. */
const spareGaps = ({ history, stream }: Evidence): Map<string, number> => {
  const told = new Set(acknowledged(history).map(toldPlace));
  const spare = new Map<string, number>();
  for (const frame of stream) {
    const { agent_uid } = frame.envelope;
    if (isGap(frame) && !told.has(placeOf(frame))) spare.set(agent_uid, (spare.get(agent_uid) ?? 0) + 1);
  }
  return spare;
};

/** Every acknowledged frame is in the stream, once, in the place it was told, saying what it said. */
function* acknowledgedAreStored(evidence: Evidence, { byId, byPlace, elsewhere }: Index): Iterable<string> {
  const { history, flipped, lied } = evidence;
  const spare = spareGaps(evidence);
  const isNamed = (agent: string, place: string): boolean => {
    if (isGap(byPlace.get(place))) return true;
    const left = byPlace.has(place) ? 0 : (spare.get(agent) ?? 0);
    spare.set(agent, left - 1);
    return left > 0;
  };
  for (const deed of acknowledged(history)) {
    const { agent, id, digest, n } = deed;
    const place = toldPlace(deed);
    const settled = isGap(byPlace.get(place)) ? elsewhere.get(place) : undefined;
    const frame = byId.get(idKey(agent, id))?.[0] ?? settled;
    if (frame === undefined) {
      if (!lied.has(agent) && !(flipped.has(agent) && isNamed(agent, place)))
        yield `frame ${n} of ${place} was acknowledged and is not in the stream`;
    } else if (placeOf(frame) !== place)
      yield `frame ${n} was acknowledged as ${place} and stands at ${placeOf(frame)}`;
    else if (contentOf(frame) !== digest) yield `frame ${n} at ${place} does not say what its producer said`;
  }
}

/** Nothing is visible twice: no place, and no fact. */
function* nothingTwice({ stream }: Evidence, { byId, byPlace }: Index): Iterable<string> {
  if (byPlace.size !== stream.length) yield `${stream.length - byPlace.size} places are taken twice`;
  for (const [key, frames] of byId)
    if (frames.length > 1) yield `event ${key} stands at ${frames.map(placeOf).join(" and ")}`;
}

/** What was refused is nowhere, what nobody said neither. */
function* nothingInvented({ history, stream }: Evidence, { byId, said }: Index): Iterable<string> {
  for (const { f, type, value } of history)
    if (f === "record" && type === "fail" && byId.has(idKey(value.agent, value.id)))
      yield `frame ${value.n} of ${value.agent} was refused and is in the stream`;
  for (const frame of stream) {
    const { agent_uid, event_id, producer } = frame.envelope;
    if (isGap(frame) || producer === "scribe") continue;
    const deed = said.get(idKey(agent_uid, event_id));
    if (deed === undefined) yield `${placeOf(frame)} was said by nobody`;
    else if (deed.digest !== contentOf(frame)) yield `${placeOf(frame)} says something else than its producer`;
  }
}

/**
 * A producer's frames stand in the order in which it said them. A stream that forgets gets an earlier epoch's behind a
 * later one's; where a disk lost what was not acknowledged, it is said again, behind what was not lost.
 */
function* producersOrder({ stream, streamForgets, flipped, lied }: Evidence, { said }: Index): Iterable<string> {
  const last = new Map<string, number>();
  for (const frame of stream) {
    const { agent_uid, event_id, epoch } = frame.envelope;
    const n = said.get(idKey(agent_uid, event_id))?.n;
    if (n === undefined || flipped.has(agent_uid) || lied.has(agent_uid)) continue;
    const line = streamForgets ? `${agent_uid}/${epoch}` : agent_uid;
    const before = last.get(line) ?? 0;
    if (n <= before) yield `${placeOf(frame)} is frame ${n}, behind frame ${before}`;
    last.set(line, n);
  }
}

/**
 * What a recorder said was stored is there, the same to the last bit; where its log was damaged, another or a GAP may be. Where
 * its disk lied and the stream forgot as well, nobody is left who knows of it.
 */
function* claimsHold(
  { history, flipped, lied, streamForgets }: Evidence,
  { byPlace, elsewhere }: Index,
): Iterable<string> {
  for (const { f, type, value } of history) {
    if (f !== "store" || type !== "ok") continue;
    const place = `${value.agent}/${value.epoch}/${value.seq}`;
    const found = byPlace.get(place);
    const mayDiffer = flipped.has(value.agent) || lied.has(value.agent) || elsewhere.get(place)?.hash === value.hash;
    if (found === undefined && streamForgets && lied.has(value.agent)) continue;
    if (found === undefined || (found.hash !== value.hash && !mayDiffer))
      yield `${place} was said to be stored and is not there, or another`;
  }
}

/** Whoever read the stream saw a beginning of what it is at the end. */
function* readsAreStable({ history, stream, streamForgets }: Evidence): Iterable<string> {
  if (streamForgets) return;
  for (const { f, type, value, atMs } of history) {
    if (f !== "read" || type !== "ok") continue;
    const beginning = digestOfStream(stream.slice(0, value.length).map(({ hash }) => hash));
    if (stream.length < value.length || beginning !== value.digest)
      yield `what was read at ${atMs} ms (${value.length} frames) is not how the stream begins`;
  }
}

/** Every frame of the stream is a row, in its place; a row of nothing in the stream is there only where that forgets. */
function* ledgerIsStream({ stream, ledger, streamForgets }: Evidence, { elsewhere }: Index): Iterable<string> {
  const rows = new Map(ledger.map((row) => [placeOf(row), row]));
  for (const frame of stream) {
    const row = rows.get(placeOf(frame));
    if (row === undefined) yield `${placeOf(frame)} is not in the ledger`;
    else if (row.hash !== frame.hash || row.place !== frame.place)
      yield `${placeOf(frame)} is in the ledger as ${row.hash.slice(0, 8)} at ${row.place}, in the stream as ${frame.hash.slice(0, 8)} at ${frame.place}`;
  }
  if (!streamForgets) for (const place of elsewhere.keys()) yield `${place} is in the ledger and not in the stream`;
}

/** The stream in its order; one that forgets, each chain's epochs in theirs. */
const inEpochs = (stream: readonly RecordedFrame[], forgets: boolean): readonly RecordedFrame[] =>
  forgets ? stream.toSorted((a, b) => a.envelope.epoch - b.envelope.epoch) : stream;

const rules: Readonly<Record<string, ByRule>> = {
  "acknowledged frames are stored": acknowledgedAreStored,
  "nothing twice": nothingTwice,
  "nothing invented": nothingInvented,
  "producer's order": producersOrder,
  "what was said to be stored is": claimsHold,
  "reads are stable": readsAreStable,
  "the ledger is the stream": ledgerIsStream,
  "chains verify": ({ stream, flipped, lied, streamForgets }, { elsewhere }) => {
    const mayBeGap = (frame: RecordedFrame): boolean => {
      const { agent_uid } = frame.envelope;
      return flipped.has(agent_uid) || lied.has(agent_uid) || elsewhere.has(placeOf(frame));
    };
    return chainFaults(inEpochs(stream, streamForgets), mayBeGap);
  },
};

/** Judges a history; empty where every rule holds. */
export const check = (evidence: Evidence): Violation[] => {
  const index = indexOf(evidence);
  return Object.entries(rules).flatMap(([rule, broken]) => [...broken(evidence, index)].map((why) => ({ rule, why })));
};
