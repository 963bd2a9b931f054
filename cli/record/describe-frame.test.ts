import { expect, it } from "@jest/globals";
import { summaryOf } from "./describe-frame.ts";

it.each([
  [
    { gate: "success criteria", subject: "ab12", passed: true, findings: ["All hold."] },
    "passed: success criteria ab12 All hold.",
  ],
  [{ gate: "mission", subject: "fix-bug", passed: false, findings: [] }, "did not pass: mission fix-bug"],
  [{ passed: "yes", findings: 7 }, "did not pass:"],
])("shows a verdict in a few words: %j", (payload, words) => {
  expect(summaryOf({ event_type: "VERDICT", payload })).toBe(words);
});
