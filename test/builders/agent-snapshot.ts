import type { AgentSnapshot } from "#operator/agent/plan.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel } from "#test/builders/model.ts";
import { aNetwork } from "#test/builders/network.ts";

const nowMs = Date.parse("2026-11-23T10:00:00Z");
const times = {
  stopMs: 10_000,
  drainMs: 30_000,
  failurePauseMs: 10_000,
  disruptionPauseMs: 1_000,
  longestPauseMs: 300_000,
};

/** An Agent that is new, at ten o'clock, with everything that it needs. */
export const anAgentSnapshot = (given: Partial<AgentSnapshot> = {}): AgentSnapshot => ({
  agent: anAgent(),
  mission: aMission(),
  model: aModel(),
  persona: undefined,
  secret: { kind: "answered", ok: true, reason: "Resolved", message: "" },
  pod: undefined,
  podIsLive: true,
  earlierPods: [],
  addresses: { collector: "10.0.0.1", gateway: "10.0.0.2" },
  network: aNetwork(),
  fold: undefined,
  stream: undefined,
  silentMs: 0,
  framesAreLive: true,
  times,
  nowMs,
  ...given,
});
