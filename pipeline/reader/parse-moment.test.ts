import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { parseMoment } from "./parse-moment.ts";

const now = Date.parse("2026-11-30T13:30:00.250Z");
const read = (text: string): string | undefined => {
  const ns = parseMoment(text, now);
  return ns === undefined ? undefined : renderTimestamp(ns);
};

describe("a moment", () => {
  it.each([
    ["2026-11-30T04:00:00Z", "2026-11-30T04:00:00.000000000Z"],
    ["2026-11-30 04:00", "2026-11-30T04:00:00.000000000Z"],
    ["2026-11-30T04:00+02:00", "2026-11-30T02:00:00.000000000Z"],
    ["2026-11-30T04:00:00.123456789Z", "2026-11-30T04:00:00.123456789Z"],
    ["2026-11-30", "2026-11-30T00:00:00.000000000Z"],
    ["04:00", "2026-11-30T04:00:00.000000000Z"],
    ["04:00:07", "2026-11-30T04:00:07.000000000Z"],
    ["90m", "2026-11-30T12:00:00.250000000Z"],
    ["7d", "2026-11-23T13:30:00.250000000Z"],
  ])("is read from %s", (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    "",
    "soon",
    "25:00",
    "2026-02-30",
    "2026-13-01",
    "1969-12-31",
    "2300-01-01",
    "4:00",
    "999999w",
    "2026-11-30T04",
  ])("is not read from %j", (text) => {
    expect(read(text)).toBeUndefined();
  });

  it("is read back from every time that it is printed as, and never throws", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (ns) => {
        expect(parseMoment(renderTimestamp(ns), now)).toBe(ns);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from("0123456789-:TZ+ .hmd")) }), (text) => {
        const ns = parseMoment(text, now);
        expect(ns === undefined || (ns >= 0n && ns < 2n ** 63n)).toBe(true);
      }),
    );
  });
});
