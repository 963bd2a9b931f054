import { silentLog } from "#nervous-system/kernel/log.ts";
import { durationMs } from "#nervous-system/kernel/duration.ts";
import { createInformer } from "#nervous-system/kubernetes/informer.ts";
import { missions, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { textOption, type CommandRun, type OptionValues } from "../arguments.ts";
import { CliError, createProgress, exitCode, exited, type Ending, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { hearTrouble } from "./follow-trouble.ts";
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
  const text =
    options["output"] === "json"
      ? JSON.stringify({ name, namespace, phase, outcome, pullRequests, usage })
      : endLines(mission).join("\n");
  host.stdout().write(`${text}\n`);
};

type Seen = { readonly kind: "ended"; readonly mission: Mission } | { readonly kind: "deleted" };

/** Follows the mission that was found until it has ended, or is gone; another one of its name is not it. */
const followToEnd = async (host: Host, { client }: Cluster, found: Mission, signal: AbortSignal): Promise<Seen> => {
  const { name, namespace, uid } = found.metadata;
  const telling = createTelling(host);
  const seen = Promise.withResolvers<Seen>();
  const look = (mission: Mission): void => {
    if (mission.metadata.uid !== uid) return seen.resolve({ kind: "deleted" });
    telling.tell(mission);
    if (standingOf(mission).end !== undefined) seen.resolve({ kind: "ended", mission });
  };
  const informer = createInformer<Mission>({
    client,
    kind: missions,
    selection: { namespace, fieldSelector: `metadata.name=${name}` },
    clock: host.clock,
    random: () => Number.parseInt(host.randomHex(4), 16) / 2 ** 32,
    log: silentLog,
    onEnd: hearTrouble({
      clock: host.clock,
      refused: seen.reject,
      lasts: (why) => telling.warn(`enchanted: the cluster does not tell how the mission stands, trying again: ${why}`),
    }),
  });
  informer.addHandler(({ kind, object }) => (kind === "deleted" ? seen.resolve({ kind: "deleted" }) : look(object)));
  const stop = new AbortController();
  const running = informer.run(AbortSignal.any([signal, stop.signal]));
  signal.addEventListener("abort", () => seen.reject(signal.reason), { once: true });
  void informer.synced(signal).then(
    () => informer.size() === 0 && seen.resolve({ kind: "deleted" }),
    () => undefined,
  );
  try {
    return await seen.promise;
  } finally {
    telling.clear();
    stop.abort();
    await running.catch(() => undefined);
  }
};

class TimeOver extends Error {}

const waitFor = async (host: Host, cluster: Cluster, name: string, options: OptionValues): Promise<Ending> => {
  const timeoutMs = timeoutOf(options);
  const found = await findMission(cluster, name);
  const over = new AbortController();
  const cancel =
    timeoutMs === undefined ? () => undefined : host.clock.after(timeoutMs, () => over.abort(new TimeOver()));
  try {
    const seen = await followToEnd(host, cluster, found, over.signal);
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
