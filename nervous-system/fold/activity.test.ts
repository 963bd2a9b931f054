import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { agentDefinition } from "#nervous-system/schemas/resources/agent.ts";
import { activityOf, type Activity } from "./activity.ts";
import { readPayload } from "./read-frame.ts";

const told = (type: string, payload: Record<string, unknown>): Activity | undefined =>
  activityOf({ observed: "1795424460123456789" }, readPayload(type, payload));

describe("activityOf", () => {
  it("is bounded and on one line, whatever the agent wrote", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 500 }), (text) => {
        const activity = told("ACTION", { tool: text, arguments: { command: text } });
        expect(activity?.summary.length).toBeLessThanOrEqual(80);
        expect(activity?.summary).not.toMatch(/[\n\r]/);
      }),
    );
  });

  it("stays within the bounds of the status, so that no name of a tool or file blocks its agent", () => {
    const long = "x".repeat(2_000);
    const { activity } = agentDefinition.status.shape;
    const all = [
      told("ACTION", { tool: long, arguments: { path: long } }),
      told("STATE_CHANGE", { file_modified: long }),
    ];
    const since = "2026-11-23T09:59:00Z";
    expect(all.map((one) => activity.safeParse({ ...one, since }).success)).toEqual([true, true]);
  });

  it("speaks as people do", () => {
    const say = (type: string, payload: Record<string, unknown>): string | undefined => told(type, payload)?.summary;
    expect([
      say("STATE_CHANGE", { file_modified: "src/auth.ts" }),
      say("ACTION", { tool: "run_command", arguments: { command: "npm test" } }),
      say("ACTION", { tool: "teleport" }),
      say("ACTION", { tool: "constructor" }),
      say("THOUGHT", { text: "hm" }),
      say("HEARTBEAT", { activity: "waiting 19 s\nfor the model" }),
      say("HEARTBEAT", { activity: " " }),
      say("HEARTBEAT", {}),
      say("MODEL_CALL", {}),
      say("constructor", {}),
    ]).toEqual([
      "Editing src/auth.ts",
      "Running npm test",
      "Using teleport",
      "Using constructor",
      "Thinking",
      "waiting 19 s for the model",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
