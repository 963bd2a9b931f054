import * as z from "zod";
import {
  boundedText,
  immutable,
  immutableWhereSet,
  nameRule,
  programText,
  reference,
  withRules,
  type ResourceDefinition,
} from "#nervous-system/schemas/resources/define-resource.ts";
import { egress } from "#nervous-system/schemas/resources/egress.ts";
import { image } from "#nervous-system/schemas/resources/image.ts";
import { personaDigest, pinnedPersona } from "#nervous-system/schemas/resources/persona.ts";
import { recording } from "#nervous-system/schemas/resources/recording.ts";
import { runtime } from "#nervous-system/schemas/resources/runtime.ts";
import {
  commit,
  commonStatus,
  count,
  sequence,
  time,
  uid,
  usageSchema,
} from "#nervous-system/schemas/resources/status-parts.ts";

// What an attempt is made of is what the mission was admitted with; only who may be reached and whether it works at all change.
const specFields = z
  .object({
    missionRef: withRules(reference("Mission"), immutable("missionRef")),
    role: withRules(z.enum(["Coder"]).describe("What the agent does."), immutable("role")),
    task: withRules(
      z
        .object({
          id: boundedText(63, "Id of the task."),
          title: boundedText(256, "The task in one line."),
          text: programText(16384, "The task."),
        })
        .describe("What the agent is to do."),
      immutable("task"),
    ),
    modelRef: withRules(reference("Model"), immutable("modelRef")),
    image: withRules(image("Image of the agent container, by digest."), immutable("image")),
    runtime: runtime.optional(),
    persona: pinnedPersona.optional(),
    recording: recording.optional(),
    egress: egress.optional(),
    suspend: z.boolean().default(false).describe("Drains the pod and creates none until it is false again."),
  })
  .describe("What is wanted.");

const spec = withRules(
  specFields,
  immutableWhereSet("recording", "recording"),
  immutableWhereSet("runtime", "runtime"),
  immutableWhereSet("persona", "persona"),
);

const attempt = z
  .object({
    attempt: count("Number of the attempt."),
    podUID: uid("UID of its pod.").optional(),
    exitCode: z.int32().describe("Exit code of the agent container.").optional(),
    reason: boundedText(1024, "How it ended, as one PascalCase word."),
    message: z.string().max(2048).describe("How it ended, for people.").optional(),
    agentReason: z.string().max(64).describe("The agent's own reason, where it left one.").optional(),
    toSeq: sequence("Last frame of its epoch.").optional(),
    endTime: time("When its end was read: the pause before the next attempt is counted from here.").optional(),
    disruption: z.boolean().describe("Whether the cluster ended it, so that it does not count.").optional(),
  })
  .describe("One attempt that has ended.");

const status = z
  .object({
    ...commonStatus,
    attempt: count("Number of the current attempt; also the epoch of its frames.").optional(),
    podName: z.string().max(63).describe("Pod of the current attempt.").optional(),
    podUID: uid("UID of that pod: only its token may write this agent's frames.").optional(),
    nodeName: z.string().max(253).describe("Node it runs on.").optional(),
    failures: count("Attempts that failed and count.").optional(),
    disruptions: count("Attempts that the cluster ended, which do not count.").optional(),
    ledger: z
      .object({
        lastSeq: sequence("Last frame written in the current epoch."),
        ackedSeq: sequence("Last frame known to be in the stream.").optional(),
        hash: commit("Hash of the last frame.").optional(),
      })
      .describe("Where the record of this agent stands.")
      .optional(),
    snapshot: z
      .object({
        epoch: count("Attempt that kept it."),
        seq: sequence("Frame of that attempt that tells of it."),
        manifest: z
          .string()
          .max(71)
          .regex(/^sha256:[0-9a-f]{64}$/)
          .describe("Digest of the blob that says what it consists of."),
      })
      .describe("State that the agent kept last, for its next attempt to go on from.")
      .optional(),
    activity: z
      .object({
        kind: boundedText(64, "Type of the frame that showed it."),
        tool: z.string().max(64).describe("Tool in use.").optional(),
        file: z.string().max(512).describe("File concerned.").optional(),
        summary: z.string().max(256).describe("What it is doing, in a few words."),
        since: time("Since when."),
      })
      .describe("What the agent is doing.")
      .optional(),
    personaDigest: personaDigest("Digest of the persona's prompt that it works by, as its frames carry it.").optional(),
    baseCommit: commit("Commit that every attempt starts from.").optional(),
    headSHA: commit("Commit that the agent proposed.").optional(),
    usage: usageSchema.optional(),
    history: z.array(attempt).max(10).describe("Attempts that ended, newest last.").optional(),
    startTime: time("When the first attempt began.").optional(),
    completionTime: time("When the agent finished or gave up.").optional(),
  })
  .describe("What is.");

/** Agent: one identity, one ordered stream of frames, at most one live pod. */
export const agentDefinition = {
  kind: "Agent",
  plural: "agents",
  singular: "agent",
  shortNames: ["eagent"],
  description: "Agent is one worker of a Mission. The operator writes it; people read it.",
  spec,
  status,
  rules: [nameRule(56)],
  columns: [
    { name: "Mission", type: "string", jsonPath: ".spec.missionRef.name", description: "The mission it works for." },
    { name: "Role", type: "string", jsonPath: ".spec.role", description: "What it does." },
    { name: "Phase", type: "string", jsonPath: ".status.phase", description: "Where it stands." },
    { name: "Doing", type: "string", jsonPath: ".status.activity.summary", description: "What it is doing." },
    {
      name: "Seq",
      type: "integer",
      jsonPath: ".status.ledger.lastSeq",
      description: "Last frame of the current attempt.",
    },
    {
      name: "Rec",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Recording')].status",
      description: "Whether its frames reach the record.",
    },
    {
      name: "Attempt",
      type: "integer",
      jsonPath: ".status.attempt",
      description: "Number of the attempt.",
      priority: 1,
    },
    {
      name: "Persona",
      type: "string",
      jsonPath: ".spec.persona.name",
      description: "Who it works as.",
      priority: 1,
    },
    { name: "Pod", type: "string", jsonPath: ".status.podName", description: "Its pod.", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was created." },
  ],
  selectableFields: [".spec.missionRef.name"],
} as const satisfies ResourceDefinition;

/** What is wanted of an Agent, defaults applied. */
export type AgentSpec = z.output<typeof spec>;
/** What the operator writes. @internal Builders of tests take it. */
export type AgentSpecInput = z.input<typeof spec>;
/** What an Agent has come to. */
export type AgentStatus = z.output<typeof status>;
