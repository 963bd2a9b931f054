import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { StreamState } from "#nervous-system/comms/nats/stream-trim.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { aMission } from "#test/builders/mission.ts";
import { decideTrim, troubleOf, type Holder } from "./decide-trim.ts";
import { missionsAsHolders, readersAsHolders } from "./holders.ts";

const state = (of: Partial<StreamState> = {}): StreamState => ({
  created: "2026-11-28T00:00:00Z",
  firstSeq: 100,
  firstStoredMs: 0,
  lastSeq: 200,
  bytes: 500,
  limitBytes: 1000,
  ...of,
});
const times = { nowMs: 1_000_000, windowMs: 60_000, wasPressed: false };

describe("what may be trimmed", () => {
  it("is older than the replay window and needed by nobody", () => {
    const { range, pressed } = decideTrim(state(), [{ name: "the reader ledger", seq: 150 }], times);
    expect([range, pressed]).toEqual([{ before: 150, storedBeforeMs: 940_000, bytes: Infinity }, false]);
  });

  it("is whatever nobody needs where the stream fills up, until it is at three fifths", () => {
    const { range } = decideTrim(state({ bytes: 800 }), [{ name: "the reader ledger", seq: 150 }], times);
    expect(range).toEqual({ before: 150, storedBeforeMs: Infinity, bytes: 200 });
  });

  it("does not wait, where the stream fills up, for whom the archive can give everything", () => {
    const holders: Holder[] = [
      { name: "the reader graph", seq: 110, yields: true },
      { name: "the reader ledger", seq: 150 },
    ];
    expect(decideTrim(state(), holders, times).range.before).toBe(110);
    const { range, holder } = decideTrim(state({ bytes: 800 }), holders, times);
    expect([range.before, holder.name]).toEqual([150, "the reader ledger"]);
  });

  it("goes on to three fifths once it was pressed, and no further", () => {
    const pressedAt = (bytes: number, wasPressed: boolean): boolean =>
      decideTrim(state({ bytes }), [], { ...times, wasPressed }).pressed;
    expect([690, 650, 610, 600].map((bytes) => pressedAt(bytes, true))).toEqual([true, true, true, false]);
    expect([690, 701].map((bytes) => pressedAt(bytes, false))).toEqual([false, true]);
  });

  it("is by age only where nothing but the server's storage is the bound", () => {
    const { pressed } = decideTrim(state({ bytes: 2 ** 40, limitBytes: undefined }), [], times);
    expect(pressed).toBe(false);
  });

  it("never reaches what somebody needs, nor the newest message", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { maxLength: 5 }),
        fc.nat(1000),
        fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined }),
        (seqs, bytes, limitBytes) => {
          const holders: Holder[] = seqs.map((seq) => ({ name: `holder ${seq}`, seq }));
          const { range } = decideTrim(state({ bytes, limitBytes }), holders, times);
          expect(range.before).toBe(Math.min(200, ...seqs));
        },
      ),
    );
  });

  it("is told where a full stream is held, with whom it is held by", () => {
    const full = state({ bytes: 830 });
    const told = (holders: Holder[]): string | undefined => troubleOf(full, decideTrim(full, holders, times));
    expect(told([{ name: "the unfinished mission team-a/fix-bug", seq: 40 }])).toBe(
      "the stream is 83 % full and nothing of it may go, for the unfinished mission team-a/fix-bug needs it; a full stream takes no frame",
    );
    expect(told([{ name: "the reader ledger", seq: 150 }])).toBeUndefined();
    expect(troubleOf(state(), decideTrim(state(), [{ name: "the reader ledger", seq: 0 }], times))).toBeUndefined();
  });
});

describe("who needs the stream", () => {
  const { created } = state();
  const mission = (status: MissionStatus) => aMission({ status });
  const finished = [
    { type: "Complete", status: "True" as const, reason: "Succeeded", message: "", lastTransitionTime: created },
  ];

  it("is each durable reader, and nothing goes before ledger, archive and publisher have begun", () => {
    expect(
      readersAsHolders(
        new Map([
          ["ledger", 7],
          ["memory", 3],
        ]),
      ),
    ).toEqual([
      { name: "the reader archive, which has never read,", seq: 0 },
      { name: "the reader publisher, which has never read,", seq: 0 },
      { name: "the reader ledger", seq: 7 },
      { name: "the reader memory", seq: 3, yields: true },
    ]);
  });

  it("is each unfinished mission, from the message before its first frame", () => {
    const all = [
      mission({ ledger: { firstSeq: 512 * 40 + 1, stream: created } }),
      mission({ ledger: { firstSeq: 512 * 30, stream: created } }),
      mission({ ledger: { firstSeq: 512 * 9, stream: created }, conditions: finished }),
      mission({}),
    ];
    expect(missionsAsHolders(all, { created }).map(({ seq }) => seq)).toEqual([40, 29]);
  });

  it("is a mission of another stream with all of this one", () => {
    const other = mission({ ledger: { firstSeq: 512 * 40, stream: "2026-01-01T00:00:00Z" } });
    expect(missionsAsHolders([other], { created })).toMatchObject([{ seq: 0 }]);
  });
});
