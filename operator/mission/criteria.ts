import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { Ending } from "#operator/mission/plan.ts";
import type { PodEnd } from "#operator/pod/end.ts";
import { hasRun, type CriterionFacts, type PodFacts } from "#operator/pod/facts.ts";

/** Whether a verifier pod runs exactly the criteria that the mission names now. */
export const runsCriteriaOf = ({ spec }: Mission, { criteria }: PodFacts): boolean =>
  criteria.length === spec.successCriteria.length &&
  spec.successCriteria.every(({ command }, place) => criteria[place]?.command === command);

/** What becomes of a verifier whose criteria are not the mission's: its verdict does not count. */
export const otherCriteria: PodEnd = {
  verdict: "disrupted",
  reason: Reason.VerifierDisrupted,
  message: "The pod runs other success criteria than the mission names now.",
};

const startFailures: ReadonlySet<string> = new Set(["StartError", "ContainerCannotRun"]);

/** Exit code of a criterion's container that could not make its checkout; a command may have it, too. */
const noCheckout = 125;

/** What became of a criterion; nothing where it was not the criterion that ended the pod. */
const fateOf = (criterion: CriterionFacts, { reason }: PodEnd): string | undefined => {
  const { terminated } = criterion;
  if (reason === Reason.DeadlineExceeded) {
    const waits = criterion.waitingReason === undefined ? "" : `: ${criterion.waitingReason}`;
    return hasRun(criterion)
      ? "had not ended when the time for the success criteria was over."
      : `had not begun when the time for the success criteria was over${waits}.`;
  }
  if (terminated === undefined) return undefined;
  if (startFailures.has(terminated.reason)) return `could not be started: ${terminated.message}`;
  if (reason === Reason.OutOfMemory) return "used more memory than its container may have, and was killed.";
  if (terminated.exitCode === noCheckout)
    return `could not be checked out, or ended with exit code ${noCheckout}, on the published branch.`;
  return reason === Reason.AttemptFailed || reason === Reason.NotRetryable
    ? `ended with exit code ${terminated.exitCode} on the published branch.`
    : undefined;
};

/** How a mission ends whose criteria did not hold: by the spec of the pod and the kubelet's word; what a command left is only shown. */
export const criteriaFailed = ({ criteria }: PodFacts, end: PodEnd): Ending => {
  const reason = Reason.CriteriaFailed;
  const criterion = criteria.find(({ terminated }) => terminated?.exitCode !== 0);
  const fate = criterion && fateOf(criterion, end);
  if (criterion === undefined || fate === undefined)
    return { reason, message: `The success criteria could not be met: ${end.message}` };
  return {
    reason,
    message: `\`${criterion.command.slice(0, 512)}\` ${fate}`,
    evidence: criterion.terminated?.message.slice(-2048),
  };
};

/**
 * What is said of criteria that hold although processes of theirs were killed for memory: the kubelet tells so of whatever process it
 * was, and the command's own exit code is 0.
 */
export const shortOfMemory = ({ criteria }: PodFacts): string => {
  const short = criteria.filter(({ terminated }) => terminated?.exitCode === 0 && terminated.reason === "OOMKilled");
  const commands = short.map(({ command }) => `\`${command.slice(0, 128)}\``);
  return commands.length === 0 ? "" : ` Processes were killed for their memory in ${commands.join(", ")}.`;
};
