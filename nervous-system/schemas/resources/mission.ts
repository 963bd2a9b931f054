import * as z from "zod";
import {
  boundedText,
  dialable,
  dnsLabel,
  immutable,
  immutableWhereSet,
  mapList,
  nameRule,
  programText,
  reference,
  withoutNul,
  withRules,
  type CelRule,
  type ResourceDefinition,
} from "#nervous-system/schemas/resources/define-resource.ts";
import { approvals, approvalStatus } from "#nervous-system/schemas/resources/approvals.ts";
import { egress } from "#nervous-system/schemas/resources/egress.ts";
import { changingKinds } from "#nervous-system/schemas/resources/intervention.ts";
import { pathPattern } from "#nervous-system/schemas/resources/path-pattern.ts";
import { image } from "#nervous-system/schemas/resources/image.ts";
import { missionRecording } from "#nervous-system/schemas/resources/recording.ts";
import { podTemplate, podTemplateStays } from "#nervous-system/schemas/resources/pod-template.ts";
import { imageForProgram, runtime } from "#nervous-system/schemas/resources/runtime.ts";
import { budget, deadline, stuck } from "#nervous-system/schemas/resources/mission-limits.ts";
import {
  commit,
  commonStatus,
  count,
  sequence,
  time,
  uid,
  usageSchema,
} from "#nervous-system/schemas/resources/status-parts.ts";

/** A text that says something: blanks are none. */
const spoken = (max: number, description: string): z.ZodString => programText(max, description).regex(/\S/);

/** A command that does something: not every line of it is blank or a comment. */
const effectiveCommand = /(^|\n)[ \t\r]*[^\s#]/;

const criterion = z
  .object({
    command: withRules(
      boundedText(
        4096,
        "Command line, run by `sh -c` at the root of a checkout of its own; exit code 0 means met.",
      ).regex(effectiveCommand),
      {
        rule: String.raw`!self.matches('[\x00-\x08\x0b\x0c\x0e-\x1f]')`,
        message: "a command holds no control characters but tab and line ends",
      },
    ),
  })
  .describe("What must hold for the mission to be complete.");

// A pod gets them as JSON in one environment variable, of which the kernel takes 128 KiB; there a byte takes two at most.
const criteriaFit: CelRule = {
  rule: "self.map(c, size(bytes(c.command))).sum() <= 64000",
  message:
    "success criteria of more than 64000 bytes together do not fit into a pod's environment; put long ones into scripts in the repository",
};

/** What may be published of what agents change. */
export const workspacePolicy = z
  .object({
    allowedPaths: z
      .array(pathPattern)
      .max(50)
      .default([])
      .describe("Where there are any, a proposal changes nothing but what one of them matches."),
    deniedPaths: z
      .array(pathPattern)
      .max(50)
      .default([])
      .describe(
        "What no proposal changes, in whatever spelling, beside the files that steer CI, owners, bots and agents, which none may.",
      ),
    maxChangedFiles: z.int32().min(1).max(200).default(200).describe("Files that a proposal may change."),
    rejectSecrets: z
      .boolean()
      .default(true)
      .describe("Whether a proposal is refused whose added lines hold a private key, or a token of a known form."),
  })
  .describe("What may be published of what the agents change; without it 200 files anywhere, and no secrets.");

/** By which way what agents propose reaches the repository. */
const publish = z
  .object({
    via: z
      .enum(["Branch", "Fork"])
      .default("Branch")
      .describe(
        "Where the agents' branches are pushed: Branch, the repository itself; Fork, a fork of it that belongs to the user of the Secret's credential, and that the Secret lists, too.",
      ),
  })
  .describe("By which way what the agents propose reaches the repository; without it by branches of its own.");

const workspaceFields = z
  .object({
    repo: withRules(
      z
        .string()
        .min(1)
        .max(2048)
        .regex(/^https:\/\/[^\s@/]+\/[^\s]+$/)
        .describe("Clone URL of the Git repository: https, without credentials (name a Secret in secretRef instead)."),
      withoutNul,
      immutable("workspace.repo"),
      dialable("workspace.repo"),
    ),
    ref: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._/-]*$/)
      .default("main")
      .describe("Branch to start from, and that the pull request is opened against."),
    secretRef: reference(
      "Secret with keys username and password, labelled swarm.enchanted.dev/use=git, with the repository or a pattern of it in annotation swarm.enchanted.dev/repositories",
    ).optional(),
    policy: workspacePolicy.optional(),
    publish: publish.optional(),
  })
  .describe("Where the code is.");

// Where its credential goes is decided once. A missing one counts: set later, it would be as good as changed.
const workspace = withRules(
  workspaceFields,
  immutableWhereSet("secretRef", "workspace.secretRef"),
  immutableWhereSet("policy", "workspace.policy"),
  immutableWhereSet("publish", "workspace.publish"),
);

const memberFields = z
  .object({
    name: dnsLabel(15, "Name of the member; its Agent is named <mission>-<name>."),
    role: z.enum(["Coder"]).describe("What the member does."),
    modelRef: reference("Model"),
    personaRef: reference("Persona").optional(),
    runtime: runtime.optional(),
    image: image(
      "Image of its container, by digest: glibc, libstdc++, git and what its program needs; without it the chart's.",
    ).optional(),
  })
  .describe("One member of the team.");

const teamMember = withRules(memberFields, imageForProgram);

const specFields = z
  .object({
    goal: withRules(spoken(16384, "What is to be achieved, in plain words."), immutable("goal")),
    successCriteria: withRules(
      z
        .array(criterion)
        .max(16)
        .default([])
        .describe("Commands that must all pass on the published branch, of at most 64000 bytes together."),
      criteriaFit,
    ),
    workspace,
    strategy: z.enum(["Solo"]).describe("How the work is divided. Solo is one Coder."),
    team: mapList(teamMember, "name", 1, "Who works on it.").min(1),
    template: podTemplate.optional(),
    retry: z
      .object({
        maxAttempts: z
          .int32()
          .min(1)
          .max(20)
          .default(3)
          .describe("Attempts of each Agent before the mission fails; disruptions of the cluster do not count."),
      })
      .default({ maxAttempts: 3 })
      .describe("What happens when an attempt fails."),
    budget: budget.optional(),
    deadline: deadline.optional(),
    stuck: stuck.optional(),
    approvals: approvals.optional(),
    recording: missionRecording.optional(),
    egress: egress.optional(),
    suspend: z.boolean().default(false).describe("Drains the pods (SIGTERM) and creates none until it is false again."),
  })
  .describe("What is wanted.");

// Whoever could take it away could publish without asking.
const spec = withRules(specFields, immutableWhereSet("approvals", "approvals"), podTemplateStays);

const pullRequest = z
  .object({
    url: boundedText(2048, "Where to read it."),
    number: count("Number on the forge.").optional(),
    headSHA: commit("Commit at its head.").optional(),
    state: boundedText(32, "open, merged, closed or refused, as it was at seenTime."),
    seenTime: time("When the forge told that state; it is asked for 90 days.").optional(),
  })
  .describe("A pull request that this mission opened.");

const status = z
  .object({
    ...commonStatus,
    startTime: time("When the mission was admitted.").optional(),
    completionTime: time("When it became complete or failed.").optional(),
    activeSeconds: count("For how long its agents were at work, seconds, until activeSince.").optional(),
    activeSince: time("Since when they have been at work without a pause.").optional(),
    activeAgents: count("Agents at work.").optional(),
    succeededAgents: count("Agents that finished.").optional(),
    failedAgents: count("Agents that gave up.").optional(),
    agentsSummary: z.string().max(32).describe("Agents that finished, of all.").optional(),
    usage: usageSchema.optional(),
    ledger: z
      .object({
        firstSeq: sequence(
          "Place in stream CONTEXT from which the frames of the mission are read: stream sequence × 512 + index in the message.",
        ).optional(),
        stream: time(
          "When the stream that these places belong to was created; one that was made anew counts from 1 again.",
        ).optional(),
        hash: commit(
          "Hash of the frame right before firstSeq, by which the operator sees whether the stream still holds what it held.",
        ).optional(),
        lastSeq: sequence("Place of the last frame of the mission that the operator has seen.").optional(),
        traceID: z.string().max(32).describe("Trace that shows the mission in Jaeger.").optional(),
      })
      .describe("Where the frames of this mission are: column stream_seq of the ledger holds the same places.")
      .optional(),
    pullRequests: mapList(pullRequest, "url", 20, "Pull requests opened.").optional(),
    verification: z
      .object({
        attempt: count("Number of the verifier pod."),
        podName: z.string().max(63).describe("Name of the verifier pod."),
        podUID: uid("UID of the verifier pod.").optional(),
        commit: commit("Commit that is verified."),
        exitCode: z.int32().describe("Exit code of the first criterion that failed, 0 where all hold.").optional(),
      })
      .describe("The run of the success criteria on the published branch.")
      .optional(),
    lastIntervention: z
      .object({
        uid: uid("UID of the Intervention: each is applied once."),
        name: boundedText(253, "Its name."),
        kind: z.enum(changingKinds).describe("What was done. A mission stays paused until it is resumed."),
        by: boundedText(512, "Who did it."),
        at: time("When it was applied."),
        text: z.string().max(1024).describe("The beginning of what was said of it.").optional(),
      })
      .describe("The last thing that a person did to it, beside its spec.")
      .optional(),
    ...approvalStatus,
    outcome: z
      .object({
        reason: boundedText(1024, "Why it ended, as one PascalCase word."),
        message: z.string().max(4096).describe("Why it ended, for people."),
        evidence: z
          .string()
          .max(4096)
          .describe("What shows it: the end of the output of a failed command, or an event id.")
          .optional(),
      })
      .describe("How it ended.")
      .optional(),
  })
  .describe("What is.");

/** Mission, the goal: one repository, one goal, one team. */
export const missionDefinition = {
  kind: "Mission",
  plural: "missions",
  singular: "mission",
  shortNames: ["msn"],
  description: "Mission is a goal for a team of agents over one Git repository.",
  spec,
  status,
  rules: [
    nameRule(40),
    {
      rule: "!has(oldSelf.status) || !has(oldSelf.status.conditions) || !oldSelf.status.conditions.exists(c, (c.type == 'Complete' || c.type == 'Failed') && c.status == 'True') || self.spec == oldSelf.spec",
      message: "a finished mission is frozen; create a new one",
    },
    {
      rule: "!has(oldSelf.status) || !has(oldSelf.status.startTime) || (self.spec.team == oldSelf.spec.team && self.spec.workspace == oldSelf.spec.workspace)",
      message: "team and workspace of a mission that has started are immutable; create a new one",
    },
    {
      rule: "!has(oldSelf.status) || !has(oldSelf.status.verification) || self.spec.successCriteria == oldSelf.spec.successCriteria",
      message: "the success criteria are being run: they are immutable from here; create a new mission",
    },
  ],
  columns: [
    { name: "Phase", type: "string", jsonPath: ".status.phase", description: "Where it stands." },
    { name: "Agents", type: "string", jsonPath: ".status.agentsSummary", description: "Agents that finished, of all." },
    {
      name: "Frames",
      type: "integer",
      jsonPath: ".status.usage.frames",
      description: "Context frames in the record.",
      priority: 1,
    },
    { name: "Cost", type: "string", jsonPath: ".status.usage.costUSD", description: "Dollars.", priority: 1 },
    { name: "PR", type: "string", jsonPath: ".status.pullRequests[0].url", description: "The pull request." },
    {
      name: "Reason",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Ready')].reason",
      description: "Why it stands there.",
      priority: 1,
    },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was created." },
  ],
} as const satisfies ResourceDefinition;

/** What is wanted of a Mission, defaults applied. */
export type MissionSpec = z.output<typeof spec>;
/** What a person writes. @internal Builders of tests take it. */
export type MissionSpecInput = z.input<typeof spec>;
/** What a Mission has come to. */
export type MissionStatus = z.output<typeof status>;
