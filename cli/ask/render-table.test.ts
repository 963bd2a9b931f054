import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { displayWidth, fitted } from "./display-width.ts";
import { renderTable } from "./render-table.ts";

const columns = [
  { name: "at", kind: "time" },
  { name: "agent", kind: "text" },
  { name: "calls", kind: "count" },
  { name: "text", kind: "text" },
];
const row = (text: string) => ({ at: "2026-11-30T04:00:00.123456789Z", agent: "ada", calls: 7, text });

describe("a table", () => {
  it("is as wide as what stands in it where there is no terminal", () => {
    expect(renderTable(columns, [row("short"), row("a longer text\nof two lines")], undefined)).toEqual({
      lines: [
        "at                   agent  calls  text",
        "2026-11-30 04:00:00  ada        7  short",
        "2026-11-30 04:00:00  ada        7  a longer text of two lines",
      ],
      leftOut: [],
    });
  });

  it("cuts long texts at a terminal, and at a narrow one leaves columns out and names them", () => {
    expect(renderTable(columns, [row("a longer text")], 45)).toEqual({
      lines: ["at                   agent  calls  text", "2026-11-30 04:00:00  ada        7  a longer …"],
      leftOut: [],
    });
    const narrow = renderTable(columns, [row("a longer text")], 30);
    expect(narrow.leftOut).toEqual(["calls", "text"]);
    expect(narrow.lines).toEqual(["at                   agent", "2026-11-30 04:00:00  ada"]);
  });

  it("cuts ids before words, and leaves them out before words cannot be read", () => {
    const named = [{ name: "event_id", kind: "text" }, ...columns, { name: "prev_hash", kind: "text" }];
    const given = [{ ...row("it waits for the lock"), event_id: "0199c3a2-5e1f-7cc1", prev_hash: "f".repeat(64) }];
    const [heading = "", line] = renderTable(named, given, 80).lines;
    expect(heading.split(/ +/)).toEqual(["event_id", "at", "agent", "calls", "text", "prev_hash"]);
    expect(line).toBe("0199c3a2-…  2026-11-30 04:00:00  ada        7  it waits for the lock  fffffffff…");
    expect(renderTable(named, given, 60).lines[1]).toBe("0199c3a…  2026-11-30 04:00:00  ada        7  it waits for t…");
    expect(renderTable(named, given, 60).leftOut).toEqual(["prev_hash"]);
    expect(renderTable(named, given, 50).leftOut).toEqual(["event_id", "prev_hash"]);
    expect(renderTable(named.slice(0, 1), given, 10)).toEqual({ lines: ["event_id", "0199c3a2-…"], leftOut: [] });
  });

  it("counts places, not characters", () => {
    expect(displayWidth("naïve")).toBe(5);
    expect(displayWidth("nai\u0308ve")).toBe(5);
    expect(displayWidth("缓存")).toBe(4);
    expect(displayWidth("🚀")).toBe(2);
    const emoji = ["👨\u200d👩\u200d👧", "🇩🇪", "❤\ufe0f", "☎\ufe0f", "1\ufe0f\u20e3", "👍🏽"];
    for (const one of [...emoji, "ᄒ\u1161\u11ab", "ﾊﾞ"]) expect([one, displayWidth(one)]).toEqual([one, 2]);
    for (const none of ["\u200b", "\u200d"]) expect(displayWidth(none)).toBe(0);
    expect(fitted(`a${emoji[0]}${emoji[2]}`, 4)).toBe(`a${emoji[0]}…`);
    expect(fitted("缓存缓存", 5)).toBe("缓存…");
    expect(fitted("缓存缓存", 4)).toBe("缓… ");
  });

  it("is never wider than its terminal, and lets nothing through that one obeys", () => {
    const cell = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("\u001b[2J", "\u009b31m", "\u202eabc", "a\r\nb", "缓存".repeat(30)),
      fc.array(fc.string({ unit: "binary" })),
      fc.integer(),
      fc.double(),
      fc.constant(null),
      fc.boolean(),
    );
    const rows = fc.array(fc.record({ at: cell, agent: cell, calls: cell, text: cell }), { maxLength: 5 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 20, max: 200 }), (given, width) => {
        for (const line of renderTable(columns, given, width).lines) {
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
        }
        for (const line of renderTable(
          columns,
          given.map(({ text }) => row(String(text))),
          width,
        ).lines)
          expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});
