import { missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { OptionValues } from "../arguments.ts";
import { exitCode, exited, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { inCluster, type Cluster } from "./connect.ts";
import { printAnswer } from "./print-answer.ts";

/** Who presses Tab waits for this; longer than a cluster that is there takes. */
const TIMEOUT_MS = 1_500;
const mostNames = 500;

const listNames = async ({ client, namespace }: Cluster, signal: AbortSignal): Promise<readonly string[]> => {
  const { items } = await client.list(missions, { namespace, limit: mostNames, signal });
  return items.map(({ metadata }) => printable(metadata.name));
};

/** Prints the names of the missions in the namespace, a line each; nothing, and no complaint, where no cluster answers in time. */
export const printMissionNames = async (host: Host, options: OptionValues): Promise<void> => {
  const over = new AbortController();
  const cancel = host.clock.after(TIMEOUT_MS, () => over.abort());
  try {
    await inCluster(host, options, async (cluster) => {
      const names = await listNames(cluster, over.signal);
      if (names.length > 0) printAnswer(host, {}, { lines: names, json: names });
      return exited(exitCode.ok);
    });
  } catch {
    // A completion has nobody to tell.
  } finally {
    cancel();
  }
};
