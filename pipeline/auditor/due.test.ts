import { describe, expect, it } from "@jest/globals";
import { isDueRow } from "#pipeline/auditor/due.ts";

const HOUR_NS = 3_600_000_000_000n;
const nowNs = 100n * HOUR_NS;
const due = { after: { storedNs: 0n, place: 0 }, fromPlace: 0, createdNs: HOUR_NS, finished: 1000, end: 2000, nowNs };

describe("a row behind the archive's end", () => {
  it.each([
    ["of a stream before this one", HOUR_NS - 1n, 5000, true],
    ["of a place that the archive is through", nowNs, 999, true],
    ["that waits to be archived", nowNs - 50n * HOUR_NS, 1000, false],
    ["that was stored since the round began", nowNs, 2000, false],
    ["of a place behind the stream's end, from long ago", nowNs - 2n * HOUR_NS, 2000, true],
    ["from a time that is to come", nowNs + 2n * HOUR_NS, 1500, true],
    ["of a clock that is a little ahead", nowNs + 1n, 1500, false],
  ])("%s: %d at place %d must be in it: %s", (_, storedNs, place, expected) => {
    expect(isDueRow({ storedNs, place }, due)).toBe(expected);
  });
});
