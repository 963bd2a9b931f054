import { describe, expect, it } from "@jest/globals";
import { createItemReader } from "./read-items.ts";

const half = 500_000; // a line may have 1 MiB
const nested = '{"event_id":'.repeat(half / 12);
const tail = `,"enchanted":{"envelope":{},"prev_hash":"${"0".repeat(64)}","hash":"${"0".repeat(64)}"}}`;

describe("a hostile line in a file of context", () => {
  it.each([
    ["a text that never ends, of escaped quotes", "{", `"${'\\"'.repeat(half)}`],
    ["the same behind a last backslash", "{", `"${'\\"'.repeat(half)}\\`],
    ["beginnings of frames, one in the other", "", `x${nested}${tail}`],
  ])("such as %s is read soon", (_name, before, line) => {
    const reader = createItemReader();
    const begun = performance.now();
    const items = [...reader.push(before), ...reader.push(line), ...reader.end("")];
    expect(performance.now() - begun).toBeLessThan(5_000); // some 100 ms; what looks at all of it again and again takes minutes
    expect(items.every(({ kind }) => kind === "unreadable")).toBe(true);
    expect([...reader.push('{"a":1}')].map(({ kind }) => kind)).toEqual(["json"]);
  });
});
