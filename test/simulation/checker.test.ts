import { beforeAll, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { check, type Evidence } from "./checker.ts";
import type { Operation } from "./history.ts";
import { evidenceOf, playSeed } from "./run-seed.ts";

/** A history without a fault, of a seed whose disks are honest and whose stream forgets nothing. */
let sound: Evidence;
beforeAll(async () => {
  for (let seed = 1; ; seed += 1) {
    const { world } = await playSeed(seed);
    sound = evidenceOf(world);
    const isPlain = world.scenario.syncAlways && sound.flipped.size + sound.lied.size === 0;
    if (isPlain && sound.stream.length > 20 && sound.history.some(isRefusal)) return;
  }
});

const isRefusal = ({ f, type }: Operation): boolean => f === "record" && type === "fail";
const broken = (evidence: Partial<Evidence>): string[] => [
  ...new Set(check({ ...sound, ...evidence }).map(({ rule }) => rule)),
];
const said = (frame: StoredFrame): boolean => frame.envelope.producer === "agent";
/** Index of a frame that a producer said, and that another of its chain stands behind. */
const somewhere = (): number =>
  sound.stream.findIndex(
    (frame, at) =>
      at > 5 && said(frame) && sound.stream.slice(at + 1).some((next) => said(next) && sameChain(frame, next)),
  );
const sameChain = (a: StoredFrame, b: StoredFrame): boolean =>
  a.envelope.agent_uid === b.envelope.agent_uid && a.envelope.epoch === b.envelope.epoch;
const changed = (at: number, change: (frame: StoredFrame) => StoredFrame): StoredFrame[] =>
  sound.stream.map((frame, index) => (index === at ? change(frame) : frame));
const rewritten = (change: (operation: Operation) => Operation): Operation[] => sound.history.map(change);

describe("the checker", () => {
  it("finds nothing in a sound history", () => {
    expect(broken({})).toEqual([]);
  });

  it("misses an acknowledged frame that is not in the stream", () => {
    expect(broken({ stream: sound.stream.filter((_, at) => at !== somewhere()) })).toContain(
      "acknowledged frames are stored",
    );
  });

  it("sees the last frame of a chain that is gone without a trace", () => {
    const at = sound.stream.findLastIndex(said);
    expect(broken({ stream: sound.stream.filter((_, index) => index !== at) })).toContain(
      "acknowledged frames are stored",
    );
  });

  it("sees a frame that is there twice", () => {
    const at = somewhere();
    const twice = [...sound.stream.slice(0, at + 1), sound.stream[at] as StoredFrame, ...sound.stream.slice(at + 1)];
    expect(broken({ stream: twice })).toContain("nothing twice");
  });

  it("sees one fact in two places", () => {
    const [at, frame] = [somewhere(), sound.stream[somewhere()] as StoredFrame];
    const next = sound.stream.findIndex((other, index) => index > at && said(other) && sameChain(frame, other));
    const stream = changed(next, (other) => ({
      ...other,
      envelope: { ...other.envelope, event_id: frame.envelope.event_id },
    }));
    expect(broken({ stream })).toContain("nothing twice");
  });

  it("sees two frames of a chain that changed their places", () => {
    const at = somewhere();
    const next = sound.stream.findIndex(
      (other, index) => index > at && sameChain(other, sound.stream[at] as StoredFrame),
    );
    const stream = [...sound.stream];
    [stream[at], stream[next]] = [stream[next] as StoredFrame, stream[at] as StoredFrame];
    expect(broken({ stream })).toContain("chains verify");
  });

  it("sees a producer's frames in another order than it said them", () => {
    const highest = sound.history.length;
    const first = sound.stream.find(said) as StoredFrame;
    const history = rewritten((operation) =>
      operation.f === "record" && operation.value.id === first.envelope.event_id
        ? { ...operation, value: { ...operation.value, n: highest } }
        : operation,
    );
    expect(broken({ history })).toContain("producer's order");
  });

  it("sees one changed byte", () => {
    const stream = changed(somewhere(), (frame) => ({
      ...frame,
      bytes: Buffer.from(Buffer.from(frame.bytes).toString().replace("xx", "xy").replace(/ x"/, ' y"')),
    }));
    expect(broken({ stream })).toEqual(
      expect.arrayContaining(["acknowledged frames are stored", "chains verify", "nothing invented"]),
    );
  });

  it("sees a frame that follows another hash", () => {
    const stream = changed(somewhere(), (frame) => ({ ...frame, prevHash: "f".repeat(64) }));
    expect(broken({ stream })).toContain("chains verify");
  });

  it("sees a frame that nobody said", () => {
    const { event_id } = (sound.stream[somewhere()] as StoredFrame).envelope;
    const history = sound.history.filter(({ f, value }) => f !== "record" || value.id !== event_id);
    expect(broken({ history })).toEqual(["nothing invented"]);
  });

  it("sees a refused frame in the stream", () => {
    const { event_id } = (sound.stream[somewhere()] as StoredFrame).envelope;
    const history = rewritten((operation) =>
      operation.f === "record" && operation.type === "ok" && operation.value.id === event_id
        ? { ...operation, type: "fail" }
        : operation,
    );
    expect(broken({ history })).toEqual(["nothing invented"]);
  });

  it("sees an acknowledgement with another place than the frame has", () => {
    const history = rewritten((operation) =>
      operation.f === "record" && operation.type === "ok"
        ? { ...operation, value: { ...operation.value, seq: (operation.value.seq ?? 0) + 1 } }
        : operation,
    );
    expect(broken({ history })).toEqual(["acknowledged frames are stored"]);
  });

  it("sees a recorder that says more is stored than is", () => {
    const history = rewritten((operation) =>
      operation.f === "store" ? { ...operation, value: { ...operation.value, seq: 1_000 } } : operation,
    );
    expect(broken({ history })).toEqual(["what was said to be stored is"]);
  });

  it("sees what a reader saw and is no more", () => {
    const history = rewritten((operation) =>
      operation.f === "read" ? { ...operation, value: { ...operation.value, digest: "other" } } : operation,
    );
    expect(broken({ history })).toEqual(["reads are stable"]);
    expect(broken({ history, streamForgets: true })).toEqual([]);
  });

  it("takes a GAP only where a disk was at fault, and only in the place of what is lost", () => {
    const at = somewhere();
    const frame = sound.stream[at] as StoredFrame;
    const stream = changed(at, (lost) => ({
      ...lost,
      envelope: { ...lost.envelope, event_type: "GAP", producer: "scribe", event_id: "gap" },
    }));
    expect(broken({ stream })).toEqual(expect.arrayContaining(["acknowledged frames are stored", "chains verify"]));
    expect(broken({ stream, flipped: new Set([frame.envelope.agent_uid]) })).toEqual([]);
    const without = sound.stream.filter((_, index) => index !== sound.stream.findLastIndex(said));
    const uid = (sound.stream.findLast(said) as StoredFrame).envelope.agent_uid;
    expect(broken({ stream: without, flipped: new Set([uid]) })).toContain("acknowledged frames are stored");
  });

  it("sees a frame of the stream that the ledger lacks, has elsewhere, or has as another; and a row of nothing", () => {
    const ledger = [...sound.ledger];
    const at = somewhere();
    const rule = "the ledger is the stream";
    const having = (row: Partial<StoredFrame>) => ledger.map((one, index) => (index === at ? { ...one, ...row } : one));
    expect(broken({ ledger: ledger.filter((_, index) => index !== at) })).toEqual([rule]);
    expect(broken({ ledger: having({ place: 7 }) })).toEqual([rule]);
    expect(broken({ ledger: having({ hash: "f".repeat(64) }) })).toContain(rule);
    const { envelope } = ledger[at] as StoredFrame;
    const more = { ...(ledger[at] as StoredFrame), envelope: { ...envelope, seq: 99_999 }, hash: "e".repeat(64) };
    expect(broken({ ledger: [...ledger, more] })).toEqual([rule]);
    expect(broken({ ledger: [...ledger, more], streamForgets: true })).toEqual([]);
  });
});
