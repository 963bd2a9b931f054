import type { Command, Option } from "../arguments.ts";
import { outputOption } from "../options.ts";
import { clusterOptions } from "./options.ts";

const operand = { name: "mission", isObject: true } as const;

const ofCluster = "the cluster cannot be reached or refuses, or there is no such mission; the message says which";

/** What `enchanted wait` takes. */
export const waitCommand: Command = {
  name: "wait",
  summary: "wait until a mission has ended, well or badly",
  description: [
    "Follows a mission in the cluster until it is Complete or has Failed, and says how it ended: `kubectl wait` for one of both never returns where the other comes. Each change of where it stands is a line on standard error; at a terminal there is one line, which is written over.",
    "A mission that waits for somebody (Stalled) is waited for, too: what is to be done stands in its line.",
  ],
  operand,
  options: [
    ...clusterOptions,
    {
      name: "timeout",
      type: "string",
      value: "duration",
      description: "how long to wait at most, such as 90s, 30m or 2h; else as long as it takes",
    },
    outputOption,
  ],
  examples: [
    ["enchanted wait fix-bug --timeout 30m", "in a script, by its exit code"],
    ["enchanted wait fix-bug --output json | jq -r '.pullRequests[].url'", "the pull requests that came of it"],
  ],
  exitCodes: [
    ["0", "the mission is complete"],
    ["1", `it failed or was deleted; or ${ofCluster}`],
    ["2", "the command line is wrong; the message says which part"],
    ["3", "the time is over; the mission goes on"],
  ],
  load: async () => (await import("./wait.ts")).wait,
};

/** What `enchanted usage` takes. */
export const usageCommand: Command = {
  name: "usage",
  summary: "what a mission used: time, tokens, cost and frames",
  description: [
    "Prints what the mission's status tells of all of its agents and attempts, and of each agent. The cost is by the prices of the Models; without prices there is none.",
  ],
  operand,
  options: [...clusterOptions, outputOption],
  examples: [["enchanted usage fix-bug", "of a mission, under way or over"]],
  exitCodes: [
    ["0", "it was printed"],
    ["1", ofCluster],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("./usage.ts")).usage,
};

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

const actOptions: readonly Option[] = [
  ...clusterOptions,
  {
    name: "reason",
    type: "string",
    value: "text",
    description: "why, for whoever looks at the mission or at its record",
  },
  ...answerOptions,
];

const actCodes: Command["exitCodes"] = [
  ["0", "it was done, or is so already"],
  ["1", `it cannot be done to this mission, or you may not do it; or ${ofCluster}`],
  ["2", "the command line is wrong; the message says which part"],
  ["3", "nobody has answered in time; it is done as soon as the operator runs"],
];

const recorded =
  "It is an Intervention, which needs the right to create interventions in the namespace (role edit), is done once, and stays in the mission's record under your name. The mission's spec stays as it is, so no GitOps tool takes it back.";

/** What `enchanted pause` takes. */
export const pauseCommand: Command = {
  name: "pause",
  summary: "pause a mission until it is resumed",
  description: [`Stops the mission's pods, with a snapshot, and forwards no call of its agents. ${recorded}`],
  operand,
  options: actOptions,
  examples: [['enchanted pause fix-bug --reason "too dear today"', "until enchanted resume fix-bug"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).pause,
};

/** What `enchanted resume` takes. */
export const resumeCommand: Command = {
  name: "resume",
  summary: "let a mission go on that somebody paused",
  description: [
    `Takes back a pause: agents go on from their last snapshots. A mission that its spec suspends, or a budget pauses, is not resumed by this; the message says what it waits for. ${recorded}`,
  ],
  operand,
  options: actOptions,
  examples: [["enchanted resume fix-bug", "after enchanted pause fix-bug"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).resume,
};

/** What `enchanted cancel` takes. */
export const cancelCommand: Command = {
  name: "cancel",
  summary: "end a mission for good",
  description: [
    `The mission fails with reason Cancelled, and its pods are stopped; what was recorded and published stays. ${recorded}`,
  ],
  operand,
  options: actOptions,
  examples: [['enchanted cancel fix-bug --reason "wrong goal"', "nothing takes it back"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).cancel,
};

/** What `enchanted message` takes. */
export const messageCommand: Command = {
  name: "message",
  summary: "tell a mission's agents something",
  description: [
    `Agents that run the cortex are told the text before their next step, also where that is in their next attempt; programs of others hear nothing. ${recorded}`,
  ],
  operand: { ...operand, text: "text" },
  options: [...clusterOptions, ...answerOptions],
  examples: [['enchanted message fix-bug "The limiter is in src/limiter.js."', "to the agents of one mission"]],
  exitCodes: actCodes,
  load: async () => (await import("./act.ts")).message,
};
