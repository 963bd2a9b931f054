import type { Command } from "../arguments.ts";
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
