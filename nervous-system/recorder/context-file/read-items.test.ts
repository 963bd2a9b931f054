import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { createItemReader } from "./read-items.ts";

const half = 500_000; // a line may have 1 MiB
const tail = `,"enchanted":{"envelope":{},"prev_hash":"${"0".repeat(64)}","hash":"${"0".repeat(64)}"}}`;

describe("a hostile line in a file of context", () => {
  it.each([
    ["a text that never ends, of escaped quotes", "{", (n: number) => `"${'\\"'.repeat(n)}`],
    ["the same behind a last backslash", "{", (n: number) => `"${'\\"'.repeat(n)}\\`],
    ["beginnings of frames, one in the other", "", (n: number) => `x${'{"event_id":'.repeat(n / 12)}${tail}`],
  ])("such as %s takes no more than its length to read", (_name, before, lineOf) => {
    const read = (line: string): unknown[] => {
      const reader = createItemReader();
      const items = [...reader.push(before), ...reader.push(line), ...reader.end("")];
      expect(items.every(({ kind }) => kind === "unreadable")).toBe(true);
      return [...reader.push('{"a":1}')].map(({ kind }) => kind);
    };
    expect(read(lineOf(half))).toEqual(["json"]);
    const make = (n: number): (() => unknown) => {
      const line = lineOf(n);
      return () => read(line);
    };
    expect(growthOf(half / 4, make)).toBeLessThan(mostGrowth);
  });
});
