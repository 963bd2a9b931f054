import { durationMs } from "#nervous-system/kernel/duration.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { textOption, type CommandRun, type OptionValues } from "../arguments.ts";
import { CliError, createProgress, exitCode, exited, type Ending, type Host } from "../host.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { followToEnd } from "./follow.ts";
import { endLines, standingOf } from "./mission-words.ts";

const timeIsOver = 3;

const timeoutOf = (options: OptionValues): number | undefined => {
  const text = textOption(options, "timeout");
  if (text === "") return undefined;
  if (!/^([0-9]+(ms|s|m|h|d))+$/.test(text))
    throw new CliError(`enchanted wait: --timeout ${text}: give a duration, such as 90s, 30m or 2h`);
  return durationMs(text);
};

/** What is told of each change: a line of its own, or one at a terminal that is written over. */
const createTelling = (host: Host) => {
  const progress = createProgress(host);
  let last = "";
  return {
    tell: (mission: Mission): void => {
      const { words } = standingOf(mission);
      if (words === last) return;
      last = words;
      if (host.hasTerminal()) progress.show(words.slice(0, (host.stdout().columns ?? 80) - 1));
      else host.warn(words);
    },
    clear: (): void => progress.clear(),
  };
};

const print = (host: Host, options: OptionValues, mission: Mission): void => {
  const { name, namespace } = mission.metadata;
  const { phase, outcome, pullRequests = [], usage } = mission.status ?? {};
  const text =
    options["output"] === "json"
      ? JSON.stringify({ name, namespace, phase, outcome, pullRequests, usage })
      : endLines(mission).join("\n");
  host.stdout().write(`${text}\n`);
};

class TimeOver extends Error {}

const waitFor = async (host: Host, cluster: Cluster, name: string, options: OptionValues): Promise<Ending> => {
  const timeoutMs = timeoutOf(options);
  const found = await findMission(cluster, name);
  const over = new AbortController();
  const cancel =
    timeoutMs === undefined ? () => undefined : host.clock.after(timeoutMs, () => over.abort(new TimeOver()));
  const telling = createTelling(host);
  try {
    const seen = await followToEnd(host, cluster, { found, look: telling.tell, signal: over.signal }).finally(
      telling.clear,
    );
    if (seen.kind === "deleted") {
      host.warn(`enchanted: mission "${name}" was deleted`);
      return exited(exitCode.fault);
    }
    print(host, options, seen.mission);
    return exited(standingOf(seen.mission).end === "complete" ? exitCode.ok : exitCode.fault);
  } catch (error) {
    if (!(error instanceof TimeOver)) throw error;
    host.warn(`enchanted: mission "${name}" has not ended within ${textOption(options, "timeout")}; it goes on`);
    return exited(timeIsOver);
  } finally {
    cancel();
  }
};

/** `enchanted wait`. */
export const wait: CommandRun = (host, { options, operands }) =>
  inCluster(host, options, (cluster) => waitFor(host, cluster, operands[0] ?? "", options));
