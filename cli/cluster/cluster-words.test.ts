import { describe, expect, it } from "@jest/globals";
import { PassThrough } from "node:stream";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { aMission } from "#test/builders/mission.ts";
import { endLines, usageLines } from "./mission-words.ts";
import { printAnswer } from "./print-answer.ts";
import { withoutNulls } from "./without-nulls.ts";

const printed = (output: "text" | "json", answer: Parameters<typeof printAnswer>[2]): string => {
  const out = new PassThrough();
  printAnswer({ stdout: () => out }, { output }, answer);
  return String(out.read());
};

/** A mission as somebody sends it, whatever the schema says. */
const missionOf = (status: object, name = "fix-bug"): Mission => {
  const mission = aMission();
  return { ...mission, metadata: { ...mission.metadata, name }, status };
};

const hostile = "\u001b[2J\u009b31m\u202egpj\u2028\r\u0007";
// What a terminal obeys, or what turns the order of the text.
const obeyed = /(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u;

describe("what a command of the cluster prints", () => {
  it("is nothing that a terminal obeys, in text or JSON, wherever it stands", () => {
    const status = { usage: { costUSD: hostile }, phase: hostile, pullRequests: [{ url: hostile, state: "open" }] };
    const mission = missionOf(status, `m${hostile}`);
    const lines = [...usageLines(mission, 3).map(([name, value]) => `${name}  ${value}`), ...endLines(mission)];
    expect(printed("text", { lines, json: mission })).not.toMatch(obeyed);
    const json = printed("json", { lines, json: mission });
    expect(json).not.toMatch(obeyed);
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(mission)));
  });

  it("keeps its columns and its lines", () => {
    expect(printed("text", { lines: ["cost    $1", "  exit 1", "a\nb"], json: {} })).toBe(
      "cost    $1\n  exit 1\na b\n",
    );
  });
});

it("what is null in an object is not there", () => {
  const status = { pullRequests: null, usage: { frames: null, modelCalls: 1 }, conditions: [null, { type: "Ready" }] };
  const mission = withoutNulls(missionOf(status));
  expect(mission.status).toEqual({ usage: { modelCalls: 1 }, conditions: [{ type: "Ready" }] });
  expect(usageLines(mission, 0).flat()).toContain("frames");
  expect(endLines(mission)).toHaveLength(1);
});
