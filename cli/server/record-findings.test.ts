import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "@jest/globals";
import { RecordStateResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { troubleKinds } from "#nervous-system/schemas/part-states.ts";
import { judgeRecord } from "./record-findings.ts";

type State = MessageInitShape<typeof RecordStateResponseSchema>;

const [second, minute] = [1_000n, 60_000n];
const agent = "3f0c9a52-0000-4000-8000-000000000001";
const audit = {
  toldMs: 20n * second,
  walks: [{ name: "record", roundMs: 40n * second, walkMs: 5n * minute, trouble: "" }],
  faults: [],
  trouble: "",
};
const well: State = { sinks: [{ name: "ledger" }], siphonToldMs: 5n * second, audit, whole: true };

/** The lines of one check, as doctor would print them. */
const linesOf = (state: State, check: string): string[] =>
  judgeRecord(create(RecordStateResponseSchema, state))
    .filter((finding) => finding.check === check)
    .map(({ ok, detail, remedy }) => `${ok ? "ok" : "fail"} ${detail}${remedy === undefined ? "" : ` => ${remedy}`}`);

type Case = readonly [name: string, state: State, check: string, line: string | RegExp];

const letter = {
  namespace: "team-a",
  agentUid: agent,
  frame: "1/17",
  reason: "the frame is not UTF-8",
  ageMs: 3n * minute,
};
const standing = { name: "ledger", trouble: "full", standingMs: 4n * minute, behind: 1200n, lagMs: 5n * minute };

const cases: readonly Case[] = [
  ["a sink that holds everything", well, "ledger", "ok runs; its store holds all of the stream"],
  [
    "a sink that is a little behind",
    { ...well, sinks: [{ name: "ledger", behind: 3n, lagMs: 2n * second }] },
    "ledger",
    "ok runs; its store lacks 3 message(s) of the stream, the oldest 2 s old",
  ],
  [
    "a slow store",
    { ...well, sinks: [{ name: "ledger", behind: 9n, lagMs: 10n * minute }] },
    "ledger",
    /^fail runs, too slowly; its store lacks 9 .* the oldest 10 min old => .*docs\/runbooks\/store-stands\.md$/,
  ],
  [
    "a full disk, in the store's words",
    { ...well, sinks: [{ ...standing, reason: "No space left on device" }] },
    "ledger",
    "fail stands for 4 min: its store's disk is full (No space left on device); its store lacks 1200 message(s) of the stream, the oldest 5 min old => nothing is lost, the stream keeps it; give the store's disk room: docs/runbooks/store-stands.md",
  ],
  [
    "a full disk, as a tenant hears of it",
    { ...well, sinks: [standing], whole: false },
    "ledger",
    /^fail stands for 4 min: its store's disk is full; its store lacks 1200/,
  ],
  [
    "a kind that a later siphon tells",
    { ...well, sinks: [{ name: "ledger", trouble: "on fire", standingMs: second }] },
    "ledger",
    /^fail stands for 1 s: its store does not take the frames;/,
  ],
  [
    "a siphon that never told anything",
    { sinks: [{ name: "ledger", behind: 5n, lagMs: second }], audit },
    "siphon",
    /^fail never said how its sinks are: it does not run, or does not reach NATS => .*deployment\/enchanted-siphon$/,
  ],
  [
    "a siphon that fell silent",
    { ...well, siphonToldMs: 7n * minute },
    "siphon",
    /^fail last said 7 min ago how its sinks are: it does not run/,
  ],
  [
    "what an old word of a siphon is worth",
    { ...well, siphonToldMs: 7n * minute, sinks: [{ ...standing, lagMs: 11n * minute }] },
    "ledger",
    /^fail is not told of; its store lacks 1200 .* 11 min old => see the siphon's finding/,
  ],
  ["no dead letter", well, "letters", "ok no sink has a dead letter"],
  [
    "a poisoned frame",
    { ...well, sinks: [{ name: "ledger", letters: 1n, newestLetters: [letter] }] },
    "letters",
    `fail 1 of ledger; the newest: ledger frame ${agent}/1/17 of namespace team-a (the frame is not UTF-8) => the other stores have these frames; see and fill them in: docs/runbooks/dead-letters.md`,
  ],
  [
    "the same for a tenant, beside what was no frame",
    {
      ...well,
      whole: false,
      sinks: [{ name: "graph", letters: 2n, newestLetters: [{ reason: "no chunk", ageMs: second }, letter] }],
    },
    "letters",
    new RegExp(
      `^fail 2 of graph; the newest: graph what is no frame \\(no chunk\\); graph frame ${agent}/1/17 \\(the frame`,
    ),
  ],
  [
    "letters of last week",
    { ...well, sinks: [{ name: "ledger", letters: 1n, newestLetters: [{ ...letter, ageMs: 7n * 1440n * minute }] }] },
    "letters",
    /^ok 1 of ledger; .*; none for 7 days$/,
  ],
  ["an auditor that found nothing", well, "auditor", "ok found nothing that differs; last rounds: record 40 s ago"],
  [
    "an auditor that found something",
    {
      ...well,
      audit: {
        ...audit,
        faults: [
          { store: "ledger", kind: "missing", frames: 3n },
          { store: "graph", kind: "altered", frames: 1n },
        ],
      },
    },
    "auditor",
    "fail found that the record differs: ledger missing 3, graph altered 1; last rounds: record 40 s ago => docs/runbooks/record-differs.md",
  ],
  [
    "an auditor that waits for a lock's day only",
    { ...well, audit: { ...audit, faults: [{ store: "archive", kind: "held", frames: 1n }] } },
    "auditor",
    "ok found nothing that differs, and what was erased is still locked in the archive; last rounds: record 40 s ago",
  ],
  [
    "an auditor whose store is away",
    {
      ...well,
      audit: { ...audit, walks: [{ name: "record", roundMs: 20n * minute, trouble: "the record cannot be audited" }] },
    },
    "auditor",
    /^fail does not come to its rounds \(the record cannot be audited\); found nothing that differs; last rounds: record 20 min ago/,
  ],
  [
    "an auditor that has just begun",
    { ...well, audit: { ...audit, walks: [{ name: "record" }, { name: "graph", roundMs: second }] } },
    "auditor",
    /^fail does not come to its rounds; .*: record never, graph 1 s ago/,
  ],
  [
    "an auditor that is gone",
    { ...well, audit: { ...audit, toldMs: 3n * minute } },
    "auditor",
    /^fail said nothing for 3 min; .*deployment\/enchanted-auditor$/,
  ],
  ["no auditor", { sinks: [], siphonToldMs: second }, "auditor", /^fail never said anything => .*enchanted-auditor$/],
];

describe("what doctor says of the record", () => {
  it.each(cases)("%s", (_, state, check, line) => {
    const lines = linesOf(state, check);
    expect(lines).toEqual([typeof line === "string" ? line : expect.stringMatching(line)]);
  });

  it("says nothing of the siphon where it is heard of, and of every sink once", () => {
    const sinks = ["ledger", "archive", "graph", "memory"].map((name) => ({ name }));
    const found = judgeRecord(create(RecordStateResponseSchema, { ...well, sinks }));
    expect(found.map(({ check }) => check)).toEqual(["ledger", "archive", "graph", "memory", "letters", "auditor"]);
  });

  it("names a fault and what to do for each kind that a siphon tells", () => {
    for (const trouble of troubleKinds) {
      const [line] = linesOf({ ...well, sinks: [{ name: "ledger", trouble }] }, "ledger");
      expect(line).toMatch(/^fail stands for 0 s: .+ => nothing is lost, .+: docs\/runbooks\/store-stands\.md$/);
    }
  });
});
