import { describe, expect, it, jest } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { siphonState } from "#nervous-system/schemas/part-states.ts";
import { publicWords } from "#pipeline/public-words.ts";
import { createSinkTroubles } from "#pipeline/siphon/sink-troubles.ts";

const setUp = () => {
  const clock = manualClock();
  const onChange = jest.fn();
  const words = publicWords({ CLICKHOUSE_PASSWORD: "correct-horse-9!" });
  return { clock, onChange, troubles: createSinkTroubles({ sinks: ["ledger", "graph"], clock, words, onChange }) };
};

describe("what keeps sinks from writing", () => {
  it("is at first that they were not started, then nothing", () => {
    const { troubles, onChange } = setUp();
    expect(troubles.state().sinks).toMatchObject([
      { trouble: { kind: "starting" } },
      { trouble: { kind: "starting" } },
    ]);
    troubles.note("ledger", undefined);
    troubles.note("ledger", undefined);
    expect(troubles.state().sinks).toMatchObject([{ name: "ledger" }, { trouble: { kind: "starting" } }]);
    expect(troubles.sentences()).toEqual(["graph: not started yet"]);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  it("is told when its kind changes, not with each try, and lasts from its beginning", async () => {
    const { troubles, onChange, clock } = setUp();
    for (const sink of ["ledger", "graph"]) troubles.note(sink, undefined);
    onChange.mockClear();
    const began = clock.now();
    troubles.note("ledger", "connect ECONNREFUSED");
    await clock.advance(5_000);
    troubles.note("ledger", "read ECONNRESET");
    expect(onChange).toHaveBeenCalledTimes(1);
    troubles.note("ledger", "No space left on device");
    expect(onChange).toHaveBeenCalledTimes(2);
    expect(troubles.state().sinks[0]?.trouble).toMatchObject({ kind: "full", sinceMs: began });
  });

  it("fits its schema and holds no credential, whatever a store says", () => {
    const { troubles } = setUp();
    troubles.note("ledger", `\u001b[31mwrong password correct-horse-9! ${"x".repeat(100_000)}`);
    troubles.note("graph", "cannot reach https://user:hunter2hunter2@store:8443/");
    const told = JSON.stringify(siphonState.parse(troubles.state()));
    expect(told).not.toMatch(/correct-horse|hunter2|\\u001b/);
    expect(told.length).toBeLessThan(2_000);
  });
});
