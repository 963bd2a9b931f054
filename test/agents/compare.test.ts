import { describe, expect, it } from "@jest/globals";
import { agents } from "./agents.ts";
import { compare, type Counted } from "./compare.ts";

const [agent] = agents;
const frame = (type: string, payload: Record<string, unknown>) => ({ event_type: type, payload });

const ran = (more: Partial<Counted> = {}): Counted => ({
  code: 0,
  output: "done in 3 s\nat 10:11:12",
  seconds: 1,
  calls: 1,
  files: new Map([["a.txt", "goodbye"]]),
  frames: [],
  ...more,
});
const recorded = (more: Partial<Counted> = {}): Counted =>
  ran({
    output: "at 11:12:13\nenchanted: 1 call\ndone in 4 s\n",
    frames: [frame("MODEL_CALL", { input_tokens: 1 }), frame("STATE_CHANGE", { file_modified: "a.txt" })],
    ...more,
  });

const faultsOf = (with_: Counted): readonly string[] => compare(agent!, "1", [ran()], [with_]).faults;

describe("the comparison of an agent without us and with us", () => {
  it("finds nothing where only times, order and our own lines differ", () => {
    expect(compare(agent!, "1", [ran()], [recorded()])).toMatchObject({
      codes: ["0", "0"],
      sameOutput: true,
      calls: [1, 1],
      changes: [1, 1],
      faults: [],
    });
  });

  it.each<[string, Partial<Counted>, RegExp]>([
    ["another exit code", { code: 1 }, /ends with 1, without us with 0/],
    ["another output", { output: "done" }, /output differs: - at <time> ⏎ - done in <span> ⏎ \+ done/],
    ["a call that is not recorded", { calls: 2 }, /1 of 2 model calls/],
    ["a change that is not recorded", { frames: [recorded().frames[0]!] }, /the change of a.txt/],
    ["a file that is different", { files: new Map([["a.txt", "hello"]]) }, /left other files/],
    ["no change at all", { files: new Map() }, /changed no file/],
  ])("finds %s", (_, more, fault) => {
    expect(faultsOf(recorded(more))).toContainEqual(expect.stringMatching(fault));
  });
});
