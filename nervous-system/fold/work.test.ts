import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { anAgent } from "#test/builders/agent.ts";
import { aFrame } from "#test/builders/frame.ts";
import { reduceMission } from "./reduce.ts";
import { patternOf } from "./repetition.ts";
import { emptyMission, type FoldInput } from "./state.ts";
import type { WorkFold } from "./work.ts";

type Step = readonly [type: string, payload: Record<string, unknown>, envelope?: Record<string, unknown>];

const framesOf = (steps: readonly Step[]): FoldInput[] =>
  steps.map(([event_type, payload, envelope], n) =>
    aFrame(n + 1, { event_type, observed: `${1_795_424_460 + n}000000000`, ...envelope }, payload),
  );

const workOf = (...steps: readonly Step[]): WorkFold | undefined =>
  framesOf(steps).reduce(reduceMission, emptyMission("m")).agents[anAgent().metadata.uid]?.work;

const run = (command: string): Step => ["ACTION", { tool: "run_command", arguments: { command } }];
const edit = (file_modified: string, patch: string, more: Record<string, unknown> = {}): Step => [
  "STATE_CHANGE",
  { file_modified, change: "modified", patch, ...more },
];
const times = (n: number, ...steps: readonly Step[]): Step[] => Array.from({ length: n }, () => steps).flat();
const inBatch = (id: string, ...edits: readonly Step[]): Step[] =>
  edits.map(([type, payload], index) => [type, { ...payload, batch: { id, index, count: edits.length } }]);

describe("an attempt's actions", () => {
  it.each<[string, Step[], number]>([
    [
      "the same command, with beats and thoughts between",
      times(5, run("npm test"), ["HEARTBEAT", {}], ["THOUGHT", {}]),
      5,
    ],
    ["another one in between", [...times(4, run("npm test")), run("ls"), run("npm test")], 1],
    ["the same tool with other arguments", [run("ls a"), run("ls b"), run("ls c")], 1],
    ["a change of a file in between", [...times(4, run("npm test")), edit("a.js", "+x"), run("npm test")], 1],
    ["no action at all", [["THOUGHT", {}]], 0],
    [
      "those of the attempt before",
      [...times(4, run("npm test")), ["ACTION", run("npm test")[1], { epoch: 2, seq: 1 }]],
      1,
    ],
  ])("%s", (_, steps, count) => {
    expect(patternOf(workOf(...steps)!.actions).times).toBe(count);
  });
});

describe("an attempt's changes", () => {
  it.each<[string, Step[], { length: number; times: number }]>([
    [
      "two states of one file",
      times(5, edit("a.js", "+x"), run("npm test"), edit("a.js", "-x")),
      { length: 2, times: 5 },
    ],
    [
      "two files between which a line goes to and fro",
      times(3, edit("a.js", "-x"), edit("b.js", "+x"), edit("b.js", "-x"), edit("a.js", "+x")),
      { length: 4, times: 3 },
    ],
    [
      "two files in turn, each on from where it was",
      ["1", "2", "3"].flatMap((n) => [edit("a.js", n), edit("b.js", n)]),
      { length: 1, times: 1 },
    ],
    [
      "observations of several files, which are one change each",
      ["1", "2", "3"].flatMap((n) => [
        ...inBatch(`${n}+`, edit("a.js", "+x"), edit("b.js", "+x")),
        ...inBatch(`${n}-`, edit("a.js", "-x"), edit("b.js", "-x")),
      ]),
      { length: 2, times: 3 },
    ],
    [
      "a long diff is known by its blob",
      times(3, ["STATE_CHANGE", { file_modified: "a", blob: `sha256:${"a".repeat(64)}` }]),
      { length: 1, times: 3 },
    ],
    [
      "what does not tell what was changed is like nothing before",
      times(4, ["STATE_CHANGE", { file_modified: "a" }]),
      { length: 1, times: 0 },
    ],
  ])("%s", (_, steps, pattern) => {
    expect(patternOf(workOf(...steps)!.changes)).toEqual(pattern);
  });
});

describe("when an attempt was active last", () => {
  const at = (second: number): number => (1_795_424_460 + second) * 1_000;
  const byGateway = { producer: "gateway", agent_uid: "00000000-0000-4000-8000-0000000000aa", seq: 1 };
  const about = { agent_uid: anAgent().metadata.uid, epoch: 1 };

  it.each<[string, Step[], number | undefined]>([
    ["what it did counts, and no beat", [run("ls"), ["HEARTBEAT", { activity: "waiting" }]], at(0)],
    ["nor what its scribe says", [run("ls"), ["LIFECYCLE", {}, { producer: "scribe" }]], at(0)],
    ["its calls of models, by the gateway", [run("ls"), ["MODEL_CALL", {}, { ...byGateway, about }]], at(1)],
    [
      "not those of another attempt",
      [run("ls"), ["MODEL_CALL", {}, { ...byGateway, about: { ...about, epoch: 7 } }]],
      at(0),
    ],
    ["an attempt that only beats", [["HEARTBEAT", {}]], undefined],
  ])("%s", (_, steps, activeAtMs) => {
    expect(workOf(...steps)?.activeAtMs).toBe(activeAtMs);
  });
});

it("holds no more of an attempt, however long it gets", () => {
  const anyStep = fc.oneof(
    fc.string({ maxLength: 500 }).map(run),
    fc.tuple(fc.string({ maxLength: 500 }), fc.string()).map(([file, patch]) => edit(file, patch)),
    fc
      .tuple(fc.string(), fc.nat(3), fc.nat(3))
      .map(([id, index, count]) => edit("a", "b", { batch: { id, index, count } })),
  );
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 30 }), (steps) => {
      expect(JSON.stringify(workOf(...steps)).length).toBeLessThan(2_000);
    }),
  );
});
