import { missions, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { textOption, type CommandRun, type OptionValues } from "../arguments.ts";
import { createProgress, exitCode, exited, type Ending, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { follow, timeIsOver, TimeOver, withinTimeout, type Followed } from "./follow.ts";
import { endLines, standingOf } from "./mission-words.ts";
import { printAnswer } from "./print-answer.ts";

/** What is told of each change: a line of its own, or one at a terminal that is written over. */
const createTelling = (host: Host) => {
  const progress = createProgress(host);
  let last = "";
  return {
    tell: (mission: Mission): void => {
      const { words } = standingOf(mission);
      if (words === last) return;
      last = words;
      if (host.hasTerminal()) progress.show(words.slice(0, (host.stdout().columns || 80) - 1));
      else host.warn(words);
    },
    warn: (text: string): void => {
      progress.clear();
      host.warn(printable(text));
      last = "";
    },
    clear: () => progress.clear(),
  };
};

const print = (host: Host, options: OptionValues, mission: Mission): void => {
  const { name, namespace } = mission.metadata;
  const { phase, outcome, pullRequests = [], usage } = mission.status ?? {};
  printAnswer(host, options, {
    lines: endLines(mission),
    json: { name, namespace, phase, outcome, pullRequests, usage },
  });
};

/** Follows the mission that was found until it has ended, or is gone, and tells each change. */
const followToEnd = async (
  host: Host,
  { client }: Cluster,
  found: Mission,
  signal: AbortSignal,
): Promise<Followed<Mission>> => {
  const telling = createTelling(host);
  const look = (mission: Mission): boolean => {
    telling.tell(mission);
    return standingOf(mission).end !== undefined;
  };
  const trouble = (why: string): void =>
    telling.warn(`enchanted: the cluster does not tell how the mission stands, trying again: ${why}`);
  try {
    return await follow(host, { client, kind: missions, found, look, trouble }, signal);
  } finally {
    telling.clear();
  }
};

const waitFor = async (host: Host, cluster: Cluster, name: string, options: OptionValues): Promise<Ending> => {
  try {
    const seen = await withinTimeout(host, "wait", options, async (signal) =>
      followToEnd(host, cluster, await findMission(cluster, name), signal),
    );
    if (seen.kind === "deleted") {
      host.warn(`enchanted: mission "${name}" was deleted`);
      return exited(exitCode.fault);
    }
    print(host, options, seen.object);
    return exited(standingOf(seen.object).end === "complete" ? exitCode.ok : exitCode.fault);
  } catch (error) {
    if (!(error instanceof TimeOver)) throw error;
    host.warn(`enchanted: mission "${name}" has not ended within ${textOption(options, "timeout")}; it goes on`);
    return exited(timeIsOver);
  }
};

/** `enchanted wait`. */
export const wait: CommandRun = (host, { options, operands }) =>
  inCluster(host, options, (cluster) => waitFor(host, cluster, operands[0] ?? "", options));
