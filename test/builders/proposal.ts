import type { Proposal } from "#supervisor/publish/proposal.ts";

/** Builds a proposal as the publisher reads it from the record. */
export const aProposal = (given: Partial<Proposal> = {}): Proposal => ({
  bundle: `sha256:${"0".repeat(64)}`,
  bundle_bytes: 1,
  repo: "https://h/o/r",
  branch: "main",
  base: "a".repeat(40),
  head: "b".repeat(40),
  title: "t",
  body: "",
  eventId: "e",
  agentName: "fix-coder",
  agentUid: "u",
  epoch: 2,
  seq: 7,
  hash: "d".repeat(64),
  request: { requestID: "r", argsDigest: `sha256:${"e".repeat(64)}` },
  observedSeconds: 1,
  namespace: "team",
  mission: "fix",
  missionUid: "m",
  ...given,
});
