import { expect, it } from "@jest/globals";
import { reduceMission } from "#nervous-system/fold/reduce.ts";
import { emptyMission } from "#nervous-system/fold/state.ts";
import { aFrame } from "#test/builders/frame.ts";
import { urgencyOf } from "./view.ts";

const wait = { activity: "waiting 2 s for the model: 429" };

it.each([
  ["LIFECYCLE", {}, "transition"],
  ["ACTION", {}, "activity"],
  ["HEARTBEAT", { activity: "waiting 19 s for the model: 503" }, "activity"],
  ["HEARTBEAT", { activity: "waiting 19 s for the model: 429" }, "none"],
  ["HEARTBEAT", {}, "none"],
])("%s that says %j after a wait reaches the status as %s", (event_type, payload, urgency) => {
  const before = aFrame(1, { event_type: "HEARTBEAT" }, wait);
  const frame = aFrame(2, { event_type, observed: "1795424461000000000" }, payload);
  const { agents } = [before, frame].reduce(reduceMission, emptyMission("m"));
  expect(urgencyOf(frame.envelope, agents[frame.envelope.agent_uid])).toBe(urgency);
});
