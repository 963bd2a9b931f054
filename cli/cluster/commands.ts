import type { Command } from "../arguments.ts";
import { outputOption, readerOptions } from "../options.ts";
import { actCommands } from "./act-commands.ts";
import { clusterOptions, missionOperand as operand, ofCluster } from "./options.ts";

const waitCommand: Command = {
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

const usageCommand: Command = {
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

const watchCommand: Command = {
  name: "watch",
  summary: "watch a mission live until it has ended",
  description: [
    "Prints where the mission and its agents stand and what each is doing, a line for each change, until it is Complete or has Failed; at a terminal the agents, what was used and for how long they have been at work stand below, always as they are now. It reads the statuses in the cluster, which are at most ten seconds behind; every single frame is told by `enchanted logs --follow`.",
  ],
  operand,
  options: clusterOptions,
  examples: [["enchanted watch fix-bug", "until it has ended"]],
  exitCodes: [
    ["0", "the mission is complete"],
    ["1", `it failed or was deleted; or ${ofCluster}`],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("./watch.ts")).watch,
};

const agentOption = {
  name: "agent",
  type: "string",
  value: "name",
  description: "only of this agent, by name or UID, and what others recorded about it",
} as const;

const ofReader = "the reader refused or could not be asked; the message says why";

const logsCommand: Command = {
  name: "logs",
  summary: "print a mission's record, one line a frame",
  description: [
    "Reads the frames from the reader, in the order of recording, by whose token may get missions/record in the namespace, and prints them as `enchanted tail` prints a file. What pods print is no frame: kubectl logs has it.",
  ],
  operand,
  options: [
    { name: "follow", type: "boolean", description: "go on with what is recorded, until interrupted" },
    agentOption,
    { name: "types", type: "string", value: "types", description: "only these event types, separated by commas" },
    outputOption,
    ...readerOptions,
  ],
  examples: [
    ["enchanted logs fix-bug --follow", "what its agents do, as it is recorded"],
    ["enchanted logs fix-bug --types DECISION_RATIONALE,ERROR", "what they decided, and what went wrong"],
  ],
  exitCodes: [
    ["0", "it was printed"],
    ["1", ofReader],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("./logs.ts")).logs,
};

const diffCommand: Command = {
  name: "diff",
  summary: "show what a mission's agents propose to change",
  description: [
    "Tells of each agent's last proposal its title, its commits, what became of it, and each file with the changes that led there, as they were recorded: one diff for each time that the agent changed the file. What a failed attempt changed before the next one began anew is left out. Too long a diff is a blob and not shown, and what was redacted stays so; the pull request has the change as a whole (enchanted open).",
  ],
  operand,
  options: [
    agentOption,
    { name: "stat", type: "boolean", description: "only the files and how many lines changed" },
    outputOption,
    ...readerOptions,
  ],
  examples: [
    ["enchanted diff fix-bug", "of a mission, under way or over"],
    ["enchanted diff fix-bug --stat", "only which files"],
  ],
  exitCodes: [
    ["0", "there is a proposal, and it was printed"],
    ["1", `nothing has been proposed; or ${ofReader}`],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("./diff.ts")).diff,
};

const openCommand: Command = {
  name: "open",
  summary: "open a mission's pull request, or its trace",
  description: [
    "Prints the address of the mission's last pull request, or without one of its trace, and opens it in the browser that BROWSER names; else, where there is a screen, by xdg-open, on macOS by open.",
  ],
  operand,
  options: [
    ...clusterOptions,
    { name: "trace", type: "boolean", description: "the trace, whether or not there is a pull request" },
    {
      name: "jaeger",
      type: "string",
      value: "url",
      description: "where Jaeger's pages are, such as http://localhost:16686 behind a port-forward",
      variable: "ENCHANTED_JAEGER",
    },
    { name: "no-browser", type: "boolean", description: "only print the address" },
  ],
  examples: [
    ["enchanted open fix-bug", "its pull request"],
    ["enchanted open fix-bug --trace --jaeger http://localhost:16686", "what it did, on one line of time"],
  ],
  exitCodes: [
    ["0", "the address was printed"],
    ["1", `there is no such page; or ${ofCluster}`],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("./open.ts")).open,
};

/** The commands about missions of a cluster, in the order of the help. */
export const clusterCommands: readonly Command[] = [
  watchCommand,
  waitCommand,
  usageCommand,
  ...actCommands,
  logsCommand,
  diffCommand,
  openCommand,
];
