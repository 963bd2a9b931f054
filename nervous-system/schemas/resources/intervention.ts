import * as z from "zod";
import { decidedRequest } from "#nervous-system/schemas/resources/approvals.ts";
import {
  boundedText,
  immutable,
  nameRule,
  reference,
  withRules,
  type ResourceDefinition,
} from "#nervous-system/schemas/resources/define-resource.ts";
import { commonStatus, sequence } from "#nervous-system/schemas/resources/status-parts.ts";

/** What people do to missions that changes how they go on. */
export const changingKinds = ["Pause", "Resume", "Cancel"] as const;

/** See `changingKinds`. */
export type ChangingKind = (typeof changingKinds)[number];

/** What people do to the requests of missions, each of which says which one. */
const decidingKinds = ["Approve", "Reject"] as const;

/** See `decidingKinds`. */
export type DecidingKind = (typeof decidingKinds)[number];

const interventionKinds = [...changingKinds, ...decidingKinds, "Message"] as const;

/** What a person does to a mission. */
export type InterventionKind = (typeof interventionKinds)[number];

/** Longest text of an act, in characters. */
export const maxInterventionText = 8192;

const spec = withRules(
  z
    .object({
      missionRef: reference("Mission"),
      kind: z
        .enum(interventionKinds)
        .describe(
          "Pause: its pods are drained, and none is made until it is resumed. Resume: it goes on after a Pause. Cancel: it fails with reason Cancelled, and its pods are drained. Approve: what it asks for is done. Reject: it is not, and the mission fails. Message: its agents are told the text before their next step.",
        ),
      text: boundedText(
        maxInterventionText,
        "Why, for whoever looks at the mission or at its record; what a Message says.",
      ).optional(),
      ...decidedRequest,
      requestedBy: boundedText(
        512,
        "Who does it: the name that the API server knows you by (`kubectl auth whoami`), which it compares.",
      ),
    })
    .describe("What is done."),
  immutable("an Intervention"),
  { rule: "self.kind != 'Message' || has(self.text)", message: "a Message has a text: say what agents are to hear" },
  {
    rule: "self.kind in ['Approve', 'Reject'] ? has(self.requestID) && has(self.argsDigest) : !has(self.requestID) && !has(self.argsDigest)",
    message:
      "an Approve or a Reject names requestID and argsDigest, as they stand in the mission's status.pendingApprovals; nothing else does",
  },
);

const status = z
  .object({
    ...commonStatus,
    message: z.string().max(2048).describe("What came of it, for people.").optional(),
    appliedSeq: sequence(
      "Place in stream CONTEXT of the INTERVENTION frame that tells of it: stream sequence × 512 + index in the message.",
    ).optional(),
  })
  .describe("What came of it.");

/** Intervention: a person's recorded act on a mission, done once and never reverted. */
export const interventionDefinition = {
  kind: "Intervention",
  plural: "interventions",
  singular: "intervention",
  shortNames: ["intv"],
  description: "Intervention is what a person does to a mission, once: it is applied, recorded, and never reverted.",
  spec,
  status,
  rules: [nameRule(63)],
  columns: [
    { name: "Kind", type: "string", jsonPath: ".spec.kind", description: "What is done." },
    { name: "Mission", type: "string", jsonPath: ".spec.missionRef.name", description: "To which mission." },
    { name: "By", type: "string", jsonPath: ".spec.requestedBy", description: "Who does it." },
    { name: "Phase", type: "string", jsonPath: ".status.phase", description: "What came of it." },
    { name: "Message", type: "string", jsonPath: ".status.message", description: "Why.", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was created." },
  ],
} as const satisfies ResourceDefinition;

/** What a person does, as the API server holds it. */
export type InterventionSpec = z.output<typeof spec>;
/** What came of it. */
export type InterventionStatus = z.output<typeof status>;
