import { describe, expect, it } from "@jest/globals";
import { agentMessageBytes } from "#nervous-system/schemas/termination-message.ts";
import { describeRepetition, warnOfRepetition } from "./repetition-words.ts";

const refusal = 'not finished: the change would not be published: "src/csv.js" adds what reads as a secret; undo it';
const finish = { tool: "finish", ok: false, result: refusal };

describe("an agent that repeats itself", () => {
  it("ends with what refused it, cut", () => {
    expect(describeRepetition(finish)).toContain('"src/csv.js" adds what reads as a secret');
    const long = describeRepetition({ ...finish, result: `${refusal}${"x".repeat(100_000)}the end` });
    expect(long).toContain('"src/csv.js" adds what reads as a secret');
    expect(long).toMatch(/the end$/);
    expect(long.length).toBeLessThan(agentMessageBytes / 2);
  });

  it("ends without what it read", () => {
    expect(describeRepetition({ tool: "read_file", ok: true, result: "PASSWORD=1" })).toBe(
      "the agent repeats read_file with the same arguments and result",
    );
  });

  it("is not told to call finish where that is what was refused", () => {
    expect(warnOfRepetition(finish)).toMatch(/undo or mend what it refuses/);
    expect(warnOfRepetition(finish)).not.toContain("call finish");
    expect(warnOfRepetition({ ...finish, tool: "run_command" })).toContain("or call finish");
  });
});
