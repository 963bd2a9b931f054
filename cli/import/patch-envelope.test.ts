import { describe, expect, it } from "@jest/globals";
import { createCodexReader } from "./codex.ts";
import { changesInEnvelope } from "./patch-envelope.ts";
import type { SessionFrame } from "./session-frames.ts";

const patch = (files: number): string =>
  [
    "*** Begin Patch",
    ...Array.from({ length: files }, (_, at) => `*** Update File: f${at}\n*** Move to: g${at}\n+${at}`),
    "*** End Patch",
  ].join("\n");

describe("a patch of many files", () => {
  it("is read to 1,000 changes, and what is behind them is counted", () => {
    const { changes, left } = changesInEnvelope(patch(1000));
    expect([changes.length, left]).toEqual([1000, 0]);
    const more = changesInEnvelope(patch(1500));
    expect(more).toEqual({ changes, left: 500 });
    expect(more.changes.at(-1)).toEqual({ path: "g999", change: "renamed", oldPath: "f999", patch: "+999" });
  });

  it("is told of in a session with how many changes were not taken", () => {
    const frames: SessionFrame[] = [];
    const kept: unknown[] = [];
    const reader = createCodexReader({
      tell: (frame) => void frames.push(frame),
      leaveOut: () => undefined,
      keep: (what, entry) => void kept.push([what, entry]),
    });
    const take = (line: number, payload: Record<string, unknown>): void =>
      reader.take({ timestamp: "2026-10-03T04:00:00.000Z", type: "response_item", payload }, line);
    take(1, { type: "custom_tool_call", name: "apply_patch", input: patch(100_000), call_id: "1" });
    take(2, { type: "custom_tool_call_output", call_id: "1", output: "Exit code: 0\nOutput:\nSuccess" });
    expect(frames.filter(({ type }) => type === "STATE_CHANGE")).toHaveLength(1000);
    const at = "2026-10-03T04:00:00.000Z";
    const value = { tool: "apply_patch", changes: 99_000 };
    expect(kept).toEqual([["changes of one patch behind the first 1,000", { key: expect.any(String), at, value }]]);
    expect(new Set(frames.map(({ type, key }) => `${type} ${key}`)).size).toBe(frames.length);
  });
});
