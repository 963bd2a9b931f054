import type { Command, Option } from "../arguments.ts";
import { outputOption } from "../options.ts";
import { clusterOptions, missionOperand, ofCluster } from "./options.ts";

const answerOptions: readonly Option[] = [
  {
    name: "timeout",
    type: "string",
    value: "duration",
    description: "how long to wait for the operator's answer, such as 90s or 5m",
    default: "1m",
  },
  outputOption,
];

const reasonOptions: readonly Option[] = [
  {
    name: "reason",
    type: "string",
    value: "text",
    description: "why, for whoever looks at the mission or at its record",
  },
  ...answerOptions,
];

const actOptions: readonly Option[] = [...clusterOptions, ...reasonOptions];

const actCodes: Command["exitCodes"] = [
  ["0", "it was done, or is so already"],
  ["1", `it cannot be done to this mission, or you may not do it; or ${ofCluster}`],
  ["2", "the command line is wrong; the message says which part"],
  ["3", "nobody has answered in time; it is done as soon as the operator runs"],
];

const recorded =
  "It is an Intervention, which needs the right to create interventions in the namespace (role edit), is done once, and stays in the mission's record under your name. The mission's spec stays as it is, so no GitOps tool takes it back.";

const pauseCommand: Command = {
  name: "pause",
  summary: "pause a mission until it is resumed",
  description: [`Stops the mission's pods, with a snapshot, and forwards no call of its agents. ${recorded}`],
  operand: missionOperand,
  options: actOptions,
  examples: [['enchanted pause fix-bug --reason "too dear today"', "until enchanted resume fix-bug"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).pause,
};

const resumeCommand: Command = {
  name: "resume",
  summary: "let a mission go on that somebody paused",
  description: [
    `Takes back a pause: agents go on from their last snapshots. A mission that its spec suspends, or a budget pauses, is not resumed by this; the message says what it waits for. ${recorded}`,
  ],
  operand: missionOperand,
  options: actOptions,
  examples: [["enchanted resume fix-bug", "after enchanted pause fix-bug"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).resume,
};

const cancelCommand: Command = {
  name: "cancel",
  summary: "end a mission for good",
  description: [
    `The mission fails with reason Cancelled, and its pods are stopped; what was recorded and published stays. ${recorded}`,
  ],
  operand: missionOperand,
  options: actOptions,
  examples: [['enchanted cancel fix-bug --reason "wrong goal"', "nothing takes it back"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).cancel,
};

const messageCommand: Command = {
  name: "message",
  summary: "tell a mission's agents something",
  description: [
    `Agents that run the cortex are told the text before their next step, also where that is in their next attempt; programs of others hear nothing. ${recorded}`,
  ],
  operand: { ...missionOperand, text: "text" },
  options: [...clusterOptions, ...answerOptions],
  examples: [['enchanted message fix-bug "The limiter is in src/limiter.js."', "to the agents of one mission"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).message,
};

const decisionOptions: readonly Option[] = [
  ...clusterOptions,
  {
    name: "request",
    type: "string",
    value: "id",
    description: "which request, where there are several (enchanted approvals)",
  },
  ...reasonOptions,
];

const decisionOperand = { name: "mission|agent", isObject: true } as const;

const bound =
  "What it is bound to is printed first: the request and the digest of exactly what is proposed; of anything else, twice or late it changes nothing, and says so.";

const approvalsCommand: Command = {
  name: "approvals",
  summary: "list what waits for a person's approval",
  description: [
    "Prints what the missions of the namespace ask before they publish it (spec.approvals), the oldest first: since when, what, the digest that an approval is bound to, and the command that approves it.",
  ],
  options: [...clusterOptions, outputOption],
  examples: [["enchanted approvals --namespace team-a", "of all missions there"]],
  exitCodes: [
    ["0", "it was printed"],
    ["1", ofCluster],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("./requests.ts")).approvals,
};

const approveCommand: Command = {
  name: "approve",
  summary: "approve what a mission waits with",
  description: [
    `Lets the publisher open the pull request that the mission, or the agent, asks for. ${bound} ${recorded}`,
  ],
  operand: decisionOperand,
  options: decisionOptions,
  examples: [["enchanted approve fix-bug", "after enchanted diff fix-bug"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).approve,
};

const rejectCommand: Command = {
  name: "reject",
  summary: "reject what a mission waits with",
  description: [
    `Nothing of what is proposed is published, and the mission fails with reason Rejected. ${bound} ${recorded}`,
  ],
  operand: decisionOperand,
  options: decisionOptions,
  examples: [['enchanted reject fix-bug --reason "no tests"', "the mission is over"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).reject,
};

/** The commands by which people act on missions, in the order of the help. */
export const actCommands: readonly Command[] = [
  pauseCommand,
  resumeCommand,
  cancelCommand,
  messageCommand,
  approvalsCommand,
  approveCommand,
  rejectCommand,
];
