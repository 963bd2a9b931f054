import type { Kube } from "#test/e2e/kube.ts";
import { runInPod } from "./run-in-pod.ts";
import { lookAround } from "./surroundings.ts";

/** What was tried from inside a pod, and what came of it. */
export type Probe = { what: string; answer: string };

const open = new Set(["open", "answered", "resolved", "made", "done", "written", "read", "may be written", "has one"]);

/** What an agent may reach: the collector and the gateway; and its own process, from which nothing is hidden. */
const meant = [
  /^TCP to (?:enchanted-collector:4317|collector's pod:4317|enchanted-gateway:8443|gateway's pod:8443)$/,
  /^the (?:environment|memory) of process 1$/,
];

/** Whether a probe came to something. */
export const cameThrough = ({ answer }: Probe): boolean => open.has(answer);

/** Whether it may. */
export const isMeant = ({ what }: Probe): boolean => meant.some((pattern) => pattern.test(what));

/** Tries from the agent's container of a pod what an attacker would. */
export const tryFromInside = async (
  kube: Kube,
  at: { namespace: string; pod: string },
  namespaces: readonly string[],
): Promise<Probe[]> => {
  const { lines, failure } = await runInPod<Probe>(kube, at, "inside", await lookAround(kube, namespaces, at.pod));
  if (failure !== undefined) throw new Error(`the program in the pod ended early: ${failure}`);
  return lines;
};

/** The probes as a table of Markdown. */
export const renderProbes = (probes: readonly Probe[]): string =>
  ["| tried | answer |", "|---|---|", ...probes.map(({ what, answer }) => `| ${what} | ${answer} |`), ""].join("\n");
