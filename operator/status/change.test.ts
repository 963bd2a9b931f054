import { describe, expect, it } from "@jest/globals";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { loudnessOf } from "./change.ts";

const ready = (status: "True" | "False", reason: string, message = "") => ({
  type: "Ready",
  status,
  reason,
  message,
  lastTransitionTime: "2026-11-23T09:00:00Z",
});
const loud = (before: AgentStatus, after: AgentStatus) => loudnessOf(before, after, ["attempt"]);

describe("loudnessOf", () => {
  it("hears structure, conditions, activity and nothing, in this order", () => {
    const base: AgentStatus = { attempt: 1, conditions: [ready("False", "PodPending")] };
    expect(loud(base, { ...base, attempt: 2 })).toBe("structure");
    expect(
      loud(base, { ...base, conditions: [...base.conditions!, { ...ready("True", "Succeeded"), type: "Complete" }] }),
    ).toBe("structure");
    expect(loud(base, { ...base, conditions: [ready("False", "ImagePullFailed")] })).toBe("condition");
    expect(loud(base, { ...base, conditions: [ready("False", "PodPending", "other words")] })).toBe("activity");
    expect(loud(base, { ...base, usage: { frames: 1 } })).toBe("activity");
    expect(loud(base, structuredClone(base))).toBe("nothing");
  });
});
