import * as z from "zod";
import { boundedText, duration, mapList, withRules } from "#nervous-system/schemas/resources/define-resource.ts";
import { time, uid } from "#nervous-system/schemas/resources/status-parts.ts";

/** What a mission may have to ask a person before. */
const approvalKinds = ["PullRequest"] as const;

/** Most requests of a mission that are asked, and decisions that are remembered. */
export const maxApprovals = 20;

/** What a mission asks a person before. */
export const approvals = z
  .object({
    require: z
      .array(z.enum(approvalKinds).describe("One of them."))
      .min(1)
      .max(1)
      .describe("What a person has to approve first: PullRequest, each pull request before anything of it is pushed."),
    timeout: withRules(duration("For how long a person is waited for, such as 8h."), {
      rule: "self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('1m')",
      message: "timeout is a minute at least, of h, m and s, such as 30m or 8h; two days are 48h",
    }).default("72h"),
    onTimeout: z
      .enum(["Reject", "Suspend"])
      .default("Suspend")
      .describe(
        "What becomes of a request that nobody has answered in time: Reject, the mission fails; Suspend, it is told of as Stalled and may still be answered.",
      ),
  })
  .describe("What a person has to approve first; without it nothing.");

const requestID = boundedText(64, "Id of the request, by which it is approved or rejected.");
const argsDigest = boundedText(80, "Digest of exactly what is asked: of the bytes of its PROPOSAL frame.");

/** The members by which an Intervention says which request it decides. */
export const decidedRequest = { requestID: requestID.optional(), argsDigest: argsDigest.optional() };

const pending = z
  .object({
    requestID,
    argsDigest,
    agent: boundedText(253, "The Agent whose work it is."),
    kind: z.enum(approvalKinds).describe("What is asked."),
    summary: boundedText(512, "What is asked, for people."),
    since: time("Since when it is asked."),
  })
  .describe("A request that waits for a person.");

const decided = z
  .object({
    requestID,
    argsDigest,
    decision: z.enum(["Approved", "Rejected"]).describe("How it was decided."),
    uid: uid("UID of the Intervention that decided it."),
    by: boundedText(512, "Who decided it."),
    at: time("When the decision was applied."),
    text: z.string().max(1024).describe("The beginning of what was said of it.").optional(),
  })
  .describe("A request that a person decided, for good.");

/** The members of a mission's status that tell of its requests. */
export const approvalStatus = {
  pendingApprovals: mapList(pending, "requestID", maxApprovals, "What waits for a person.").optional(),
  decidedApprovals: mapList(decided, "requestID", maxApprovals, "What people decided.").optional(),
};
