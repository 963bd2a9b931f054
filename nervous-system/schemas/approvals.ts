import { hash } from "node:crypto";
import { durationMs } from "#nervous-system/kernel/duration.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { MissionSpec, MissionStatus } from "#nervous-system/schemas/resources/mission.ts";

/** A request that waits for a person, as its mission's status tells it. */
export type PendingApproval = NonNullable<MissionStatus["pendingApprovals"]>[number];
/** A request that a person decided. */
export type DecidedApproval = NonNullable<MissionStatus["decidedApprovals"]>[number];
/** One request, and exactly what it asks. */
export type ApprovalRequest = Pick<PendingApproval, "requestID" | "argsDigest">;

type Asking = { readonly spec: Pick<MissionSpec, "approvals">; readonly status?: MissionStatus | undefined };

/** The request to publish the PROPOSAL at a place of its agent's chain, which no other frame ever has. */
export const publicationRequest = (agentUid: string, epoch: number, seq: number): string =>
  stableId("approval", agentUid, String(epoch), String(seq));

/** Digest of exactly what a frame asks: of its bytes, which hold commit, branch and bundle. */
export const argsDigestOf = (bytes: Uint8Array): string => `sha256:${hash("sha256", bytes, "hex")}`;

/** Whether nothing of a mission is published that a person has not approved. */
export const asksBeforePublishing = ({ spec }: Pick<Asking, "spec">): boolean =>
  spec.approvals?.require.includes("PullRequest") === true;

/** The decision on a request, whatever it was about. */
export const decisionOn = (
  { status }: Pick<Asking, "status">,
  { requestID }: Pick<ApprovalRequest, "requestID">,
): DecidedApproval | undefined => status?.decidedApprovals?.find((one) => one.requestID === requestID);

/** Whether a person approved exactly this. */
export const isApproved = (mission: Pick<Asking, "status">, request: ApprovalRequest): boolean => {
  const found = decisionOn(mission, request);
  return found?.decision === "Approved" && found.argsDigest === request.argsDigest;
};

/** When the time of a request is over, Unix milliseconds. */
export const timeOverMs = ({ spec }: Pick<Asking, "spec">, { since }: Pick<PendingApproval, "since">): number =>
  Date.parse(since) + durationMs(spec.approvals?.timeout ?? "");
