import { describe, expect, it } from "@jest/globals";
import { decodeLogs } from "#nervous-system/codecs/otlp/decode-records.ts";
import type { Goal } from "./bench.ts";
import { regressions } from "./baseline.ts";
import { conduct, outcomeOf } from "./conduct.ts";
import { renderGrowth } from "./growth.ts";
import { plainLogs } from "./plain-logs.ts";
import { renderReport, sectionsOf } from "./report.ts";
import { percentile, summarize } from "./statistics.ts";
import { verdictOf } from "./verdict.ts";

const contestant = (name: string, values: readonly number[], order: string[]) => {
  let run = 0;
  return {
    name,
    measure: () => {
      order.push(name);
      return Promise.resolve({ rate: values[run++] ?? 0 });
    },
  };
};

const figure = (goal: Goal) => ({
  id: "X",
  what: "things done",
  unit: "things/s",
  ours: ["ours", "rate"] as const,
  peer: ["peer", "rate"] as const,
  goal,
});
const atLeast = { kind: "ratioAtLeast", must: 2, aim: 4 } as const;
const atMost = { kind: "ratioAtMost", must: 4, aim: 2 } as const;
const valueAtMost = { kind: "valueAtMost", must: 35, aim: 25 } as const;

const valueAtLeast = { kind: "valueAtLeast", must: 25, aim: 35 } as const;

const readings = { ours: [{ rate: 30 }, { rate: 20 }, { rate: 90 }], peer: [{ rate: 10 }, { rate: 10 }, { rate: 30 }] };

describe("summing up runs", () => {
  it.each([
    [[3], { median: 3, min: 3, max: 3 }],
    [[9, 1, 4], { median: 4, min: 1, max: 9 }],
    [[4, 1, 2, 9], { median: 3, min: 1, max: 9 }],
  ])("of %j gives %j", (values, summary) => {
    expect(summarize(values)).toEqual(summary);
  });

  it("finds percentiles of sorted values", () => {
    const sorted = Array.from({ length: 100 }, (_, n) => n);
    expect([percentile(sorted, 0.5), percentile(sorted, 0.99), percentile(sorted, 1)]).toEqual([50, 99, 99]);
  });
});

describe("a bench", () => {
  it("lets the contestants take turns, leaves the warm-up out, and begins each round with another", async () => {
    const order: string[] = [];
    const contestants = [contestant("ours", [0, 30, 20], order), contestant("peer", [0, 10, 10], order)];
    const found = await conduct({ contestants, figures: [], conditions: [] }, 2, () => {});
    expect(order).toEqual(["ours", "peer", "ours", "peer", "peer", "ours"]);
    expect(found).toEqual({ ours: [{ rate: 30 }, { rate: 20 }], peer: [{ rate: 10 }, { rate: 10 }] });
  });

  it("compares run by run", () => {
    expect(outcomeOf(figure(atLeast), readings).ratio).toEqual({ median: 3, min: 2, max: 3 });
  });

  it("refuses a figure that nobody read", () => {
    const wrong = { ...figure(atLeast), ours: ["ours", "speed"] as const };
    expect(() => outcomeOf(wrong, readings)).toThrow("ours did not read speed");
  });

  it.each([
    [atLeast, "must reached"],
    [{ ...atLeast, aim: 3 }, "aim reached"],
    [{ ...atLeast, must: 3.5 }, "missed"],
    [atMost, "must reached"],
    [{ ...atMost, must: 2.5 }, "missed"],
    [valueAtMost, "must reached"],
    [{ ...valueAtMost, must: 29 }, "missed"],
    [valueAtLeast, "must reached"],
    [{ ...valueAtLeast, must: 31 }, "missed"],
  ] as const)("is judged by %j: %s", (goal, verdict) => {
    expect(verdictOf(outcomeOf(figure(goal), readings))).toBe(verdict);
  });

  it.each([
    [atLeast, 3.5, 0],
    [atLeast, 3.7, 1],
    [atMost, 2.6, 0],
    [atMost, 2.4, 1],
    [valueAtLeast, 3.5, 0],
    [valueAtLeast, 3.7, 1],
  ])("has got worse under %j beside a baseline of %d: %d times", (goal, baseline, count) => {
    expect(regressions([outcomeOf(figure(goal), readings)], { X: baseline })).toHaveLength(count);
  });

  it("tells what was missed, with the words that somebody wrote about it", () => {
    const outcome = outcomeOf(figure({ ...atLeast, must: 5 }), readings);
    const section = { id: "P0", title: "Things", runs: 3, measured: "now", load: "0.1", conditions: ["Quietly."] };
    const input = { machine: { Node: "v24" }, sections: [{ ...section, outcomes: [outcome], readings }] };
    const page = renderReport({ ...input, notes: { X: "the peer is faster" } });
    expect(page).toContain("| things done, things/s | 30 (20–90) | 10 (10–30) | 3 (2–3) | ≥ 5× | ≥ 4× | **missed** |");
    expect(page).toContain("- **X** (missed): the peer is faster");
    const again = renderReport({ ...input, sections: [...sectionsOf(page).values()], notes: {} });
    expect(again).toBe(page);
  });
});

describe("growth", () => {
  const sizes = [1_000, 10_000, 100_000].map((n) => ({ contestant: `of ${n}`, n }));
  const growing = (grow: (n: number) => number) =>
    Object.fromEntries(sizes.map(({ contestant, n }) => [contestant, [{ ms: grow(n) }, { ms: grow(n) }]]));
  const render = (grow: (n: number) => number): string[] =>
    renderGrowth({ sizes, metrics: [{ metric: "ms", what: "time, ms" }] }, growing(grow));
  const full = `\`${"█".repeat(24)}\``;

  it("is a table with the exponent, and a bar that is full where it is that of n log n", () => {
    const [head, , first, , last, exponent] = render((n) => n * Math.log(n));
    expect(head).toBe("| frames | time, ms | growth |");
    expect(first).toContain(`| 1,000 | 6,908 | \`${"·".repeat(24)}\` |`);
    expect(last).toContain(full);
    expect(exponent).toBe("| grows as | n^1.11 |  |");
  });

  it("is n^0 of what stays, and shrinks without a bar", () => {
    expect(render(() => 7).at(5)).toContain("n^0.00");
    expect(render((n) => 1e6 / n).at(4)).toContain("·".repeat(24));
  });

  it("of what is worse than n log n is told by its exponent alone", () => {
    const rows = render((n) => n ** 2);
    expect([rows.at(4)?.includes(full), rows.at(5)]).toEqual([true, "| grows as | n^2.00 |  |"]);
  });
});

describe("plain log records", () => {
  it("are OTLP that says what the frames say", () => {
    const logs = decodeLogs(plainLogs(3, 600, 7));
    expect(logs).toHaveLength(3);
    expect(Object.keys(logs[2]?.attributes ?? {})).toHaveLength(10);
    expect(logs[2]?.attributes).toMatchObject({ step: "9", event_type: "THOUGHT", model: "coder" });
  });
});
