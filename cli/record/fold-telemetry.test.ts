import { describe, expect, it } from "@jest/globals";
import type { PrintableItem } from "./describe-frame.ts";
import { foldedSummary, TelemetryFold, type TelemetryChoice } from "./fold-telemetry.ts";

let n = 0;
const frame = (event_type: string, more: Partial<PrintableItem> = {}): PrintableItem => ({
  frame: { event_id: (n += 1).toString(16).padStart(64, "0"), event_type, payload: {} },
  producer: "agent",
  seq: n,
  ...more,
});
const spans = (count: number, type = "GET"): PrintableItem[] => Array.from({ length: count }, () => frame(type));
const shown = (items: readonly PrintableItem[], choice: TelemetryChoice = "fold"): string[] => {
  const fold = new TelemetryFold(choice);
  return [...items.flatMap((item) => fold.take(item)), ...fold.end()].map((told) =>
    told.kind === "frame" ? told.item.frame.event_type : foldedSummary(told.counts),
  );
};

describe("plain spans of a program", () => {
  it("are one line where many stand in a row, and what tells of the agent stays between them", () => {
    const items = [
      ...spans(900),
      ...spans(300, "DB_QUERY"),
      frame("ACTION"),
      ...spans(2),
      frame("CHAT"),
      frame("ERROR"),
    ];
    expect(shown(items)).toEqual([
      "1200 spans and logs: 900 GET, 300 DB_QUERY",
      "ACTION",
      "GET",
      "GET",
      "CHAT",
      "ERROR",
    ]);
  });

  it("are named by the most frequent types where there are many", () => {
    const items = Array.from({ length: 9 }, (_, at) => spans(at + 1, `T${at}`)).flat();
    expect(shown(items)).toEqual(["45 spans and logs: 9 T8, 8 T7, 7 T6, 6 T5, 5 T4, of 4 other types"]);
  });

  it("are all shown, or none of them, where that is wanted", () => {
    const items = [...spans(5), frame("THOUGHT")];
    expect(shown(items, "all")).toEqual(["GET", "GET", "GET", "GET", "GET", "THOUGHT"]);
    expect(shown(items, "none")).toEqual(["THOUGHT"]);
  });

  it("are told from types that an agent made up, and from a file of spans, which holds nothing else", () => {
    const own = Array.from({ length: 5 }, () => ({
      ...frame("OWN_TYPE"),
      frame: { event_type: "OWN_TYPE", payload: {} },
    }));
    const console = Array.from({ length: 5 }, () => frame("SPAN", { producer: undefined }));
    expect(shown([...own, ...console])).toEqual([...Array(5).fill("OWN_TYPE"), ...Array(5).fill("SPAN")]);
  });

  it("are shown when nothing comes for a while, and counted anew behind that", () => {
    const fold = new TelemetryFold("fold");
    for (const item of spans(4)) expect(fold.take(item)).toEqual([]);
    expect(fold.end()).toMatchObject([{ kind: "folded", counts: new Map([["GET", 4]]) }]);
    expect(fold.end()).toEqual([]);
  });
});
