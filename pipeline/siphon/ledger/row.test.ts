import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { readPayload } from "#nervous-system/fold/read-frame.ts";
import { frameTypes } from "#nervous-system/schemas/frames/catalog.ts";
import { nothingProjected, projectColumns } from "./projected-columns.ts";
import { projectRow } from "./row.ts";
import { columns } from "./tables.ts";

const stored = (bytes: string, envelope: Partial<Envelope> = {}): StoredFrame => {
  const whole: Envelope = {
    agent_uid: "22222222-0000-4000-8000-000000000001",
    mission_uid: "11111111-0000-4000-8000-000000000001",
    mission: "fix-bug",
    namespace: "team-a",
    lineage: 0,
    producer: "agent",
    recorder: "scribe",
    epoch: 1,
    seq: 1,
    observed: "1763701174123456789",
    event_type: "THOUGHT",
    event_id: "e",
    ...envelope,
  };
  return {
    envelope: whole,
    envelopeText: JSON.stringify(whole),
    bytes: Buffer.from(bytes),
    prevHash: "0".repeat(64),
    hash: "1".repeat(64),
    place: 9,
    storedNs: 1_763_701_175_000_000_001n,
  };
};

describe("a row of the ledger", () => {
  it("keeps the bytes as they are and lifts what is asked for often", () => {
    const bytes =
      '{"payload":{"text":"1.0 stays 1.0"},  "n":1.0,"agent_id":"coder","timestamp":"2026-11-21T04:59:34.5+02:00"}';
    const persona = { persona: "reviewer", persona_digest: `sha256:${"a".repeat(64)}` };
    expect(
      projectRow(stored(bytes, { about: { agent_uid: "x", epoch: 3 }, flags: ["late"], ...persona })),
    ).toMatchObject({
      frame: bytes,
      text: "1.0 stays 1.0",
      agent_id: "coder",
      timestamp: "2026-11-21T02:59:34.500000000Z",
      observed: "2025-11-21T04:59:34.123456789Z",
      stored: "2025-11-21T04:59:35.000000001Z",
      about_agent_uid: "x",
      about_epoch: 3,
      flags: ["late"],
      ...persona,
    });
  });

  it("has exactly the table's columns", () => {
    expect(Object.keys(projectRow(stored("{}"))).toSorted()).toEqual(Object.keys(columns).toSorted());
  });

  it("is made of a payload that no column can be made of", () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const bytes = `{"payload":{"text":${deep},"to":"reviewer"}}`;
    expect(projectRow(stored(bytes, { event_type: "MESSAGE" }))).toMatchObject({ frame: bytes, text: "", seq: 1 });
  });

  it("is made of any bytes and any time", () => {
    const observed = fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }).map(String);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), observed, fc.constantFrom(...frameTypes, "NEW"), (bytes, at, type) => {
        const row = projectRow(stored(bytes, { observed: at, event_type: type }));
        expect(row.frame).toBe(Buffer.from(bytes).toString());
        expect(row.observed).toMatch(/^(19|20|21|22)\d\d-/);
      }),
    );
  });
});

describe("projected columns", () => {
  it("hold text and counts that the columns can hold, whatever the payload says", () => {
    const payload = fc.dictionary(
      fc.constantFrom(
        "text",
        "reasoning",
        "lines_added",
        "tokens",
        "ok",
        "to",
        "file_modified",
        "latency_ms",
        "passed",
      ),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.constantFrom(...frameTypes), payload, (type, given) => {
        const projected = projectColumns(readPayload(type, given));
        expect(Object.keys(projected)).toEqual(Object.keys(nothingProjected));
        for (const value of Object.values(projected)) {
          if (typeof value === "string") expect(value.isWellFormed()).toBe(true);
          else expect(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff).toBe(true);
        }
      }),
    );
  });

  it("of a type that nobody here knows are empty", () => {
    expect(projectColumns(readPayload("constructor", { text: "x" }))).toEqual(nothingProjected);
  });
});
