import { cut } from "#nervous-system/kernel/cut.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import { ConditionType, isFinished, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";

const maxFinding = 2048;

type Judged = { readonly gate: "success criteria" | "mission"; readonly passed: boolean };

/** Ends that say something of the work itself, beside every failure; a verifier that the cluster ended judged nothing. */
const ofCriteria: Readonly<Record<string, Judged | undefined>> = {
  [Reason.CriteriaMet]: { gate: "success criteria", passed: true },
  [Reason.CriteriaFailed]: { gate: "success criteria", passed: false },
};

/** Ends that say nothing of the work. */
const judgesNothing: ReadonlySet<string> = new Set([Reason.VerifierDisrupted, Reason.Cancelled]);

const judgedBy = ({ status }: Mission, reason: string): Judged | undefined => {
  if (Object.hasOwn(ofCriteria, reason)) return ofCriteria[reason];
  const hasFailed = isTrue(status?.conditions, ConditionType.Failed) && !judgesNothing.has(reason);
  return hasFailed ? { gate: "mission", passed: false } : undefined;
};

type Outcome = NonNullable<NonNullable<Mission["status"]>["outcome"]>;

const findingsOf = ({ reason, message, evidence = "" }: Outcome, { gate }: Judged): string[] =>
  [gate === "mission" ? `${reason}: ${message}` : message, evidence]
    .filter((finding) => finding !== "")
    .map((finding) => cut(finding, maxFinding).toWellFormed());

/**
 * The VERDICT on a mission that has ended: what its success criteria came to, or that it failed before they were run. Nothing of one
 * that goes on, or that ended without being judged. The same mission always gives the same event id.
 */
export const verdictOf = (mission: Mission): ComponentEvent | undefined => {
  const { metadata, status = {} } = mission;
  const { outcome, verification } = status;
  if (outcome === undefined || !isFinished(status.conditions)) return undefined;
  const judged = judgedBy(mission, outcome.reason);
  if (judged === undefined) return undefined;
  const { uid, name, namespace = "" } = metadata;
  const commit = judged.gate === "mission" ? undefined : verification?.commit;
  return {
    eventType: "VERDICT",
    eventId: stableId("verdict", uid),
    payload: { subject: commit ?? name, ...judged, findings: findingsOf(outcome, judged) },
    subject: { mission_uid: uid, mission: name, namespace, lineage: 0 },
  };
};
