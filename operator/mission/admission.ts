import { isRepository, meantRepository } from "#nervous-system/kubernetes/repository-pattern.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { ConditionType, findCondition, isTrue, Reason } from "#nervous-system/schemas/conditions.ts";
import { judgeWorkspace } from "#operator/gateway/workspace.ts";
import { modelNames, whyUnpriced } from "#operator/mission/models.ts";
import { waitingPlan, type MissionPlan, type MissionSnapshot, type Step } from "#operator/mission/plan.ts";
import { judgeNetwork } from "#operator/pod/confinement.ts";
import { whyUnusable } from "#operator/persona/judge.ts";
import { agentName } from "#operator/pod/names.ts";

/** Why a mission is not admitted: which condition is False, and whether a person must act. */
type Blocked = {
  reason: string;
  message: string;
  refused: NonNullable<MissionPlan["refused"]>;
  stalled: boolean;
};

/** One condition of admission, read as a sentence. */
type Check = (snapshot: MissionSnapshot) => Blocked | undefined;

const repositoryIsAddressable: Check = ({ mission }) => {
  const { repo } = mission.spec.workspace;
  if (isRepository(repo)) return undefined;
  const meant = meantRepository(repo);
  const remedy =
    meant === undefined
      ? "create a mission with a right one and name a Secret in workspace.secretRef"
      : `create a mission with ${meant}`;
  return {
    refused: "Accepted",
    stalled: true,
    reason: Reason.InvalidRepository,
    message: `"${repo}" is no https clone URL as it is asked for, without credentials, query and "..": ${remedy}.`,
  };
};

// Pods of an Agent `…-verify` would carry the names of a verifier's: of this mission, or of one that is named so.
const memberNamesAreFree: Check = ({ mission }) =>
  mission.spec.team.every(({ name }) => !/(^|-)verify$/.test(name))
    ? undefined
    : {
        refused: "Accepted",
        stalled: true,
        reason: Reason.NameReserved,
        message:
          'A member of the team is named "verify" or "…-verify", as the pods that run the success criteria are; rename it.',
      };

const agentNamesAreFree: Check = ({ taken: [first] }) =>
  first && {
    refused: "Accepted",
    stalled: first.mission !== undefined,
    reason: Reason.NameTaken,
    message:
      first.mission === undefined
        ? `Agent "${first.agent}" of a mission that is gone is still there; it is waited for, delete it if nobody needs it.`
        : `Agent "${first.agent}" belongs to mission "${first.mission}", whose name and member make the same name; name this mission or its member otherwise.`,
  };

const redactionCompiles: Check = ({ mission }) => {
  try {
    createRedactor(mission.spec.recording?.redact ?? []);
    return undefined;
  } catch (error) {
    return {
      refused: "Accepted",
      stalled: true,
      reason: Reason.InvalidRedaction,
      message: `recording.redact cannot be used: ${(error as Error).message}; see https://github.com/google/re2/wiki/Syntax.`,
    };
  }
};

const modelsExist: Check = (snapshot) => {
  const missing = modelNames(snapshot).find((name) => !snapshot.models.has(name));
  return missing === undefined
    ? undefined
    : {
        refused: "ResolvedRefs",
        stalled: true,
        reason: Reason.ModelNotFound,
        message: `Model "${missing}" does not exist in namespace "${snapshot.mission.metadata.namespace ?? ""}"; create it.`,
      };
};

const modelsAreReady: Check = (snapshot) => {
  const waiting = modelNames(snapshot).find(
    (name) => !isTrue(snapshot.models.get(name)?.status?.conditions, ConditionType.Ready),
  );
  if (waiting === undefined) return undefined;
  const told = findCondition(snapshot.models.get(waiting)?.status?.conditions, ConditionType.Ready);
  return {
    refused: "ResolvedRefs",
    stalled: false,
    reason: Reason.ModelNotReady,
    message: `Model "${waiting}" is not ready: ${told?.message ?? "the gateway has not tried it yet"}`,
  };
};

const modelsArePriced: Check = (snapshot) => {
  const message = whyUnpriced(snapshot);
  return message === undefined
    ? undefined
    : { refused: "ResolvedRefs", stalled: true, reason: Reason.ModelNotPriced, message };
};

const personasAreUsable: Check = ({ mission, personas }) => {
  for (const { personaRef } of mission.spec.team) {
    if (personaRef === undefined) continue;
    const { name } = personaRef;
    const persona = personas.get(name);
    const refused = { refused: "ResolvedRefs", stalled: true } as const;
    if (persona === undefined) {
      const message = `Persona "${name}" does not exist in namespace "${mission.metadata.namespace ?? ""}"; create it, or take personaRef out of the team.`;
      return { ...refused, reason: Reason.PersonaNotFound, message };
    }
    const wrong = whyUnusable(persona);
    if (wrong !== undefined)
      return { ...refused, ...wrong, message: `Persona "${name}" cannot be used: ${wrong.message}` };
  }
  return undefined;
};

const secretIsAllowed: Check = ({ mission, secret }) => {
  const blocked = judgeWorkspace(mission, secret);
  return blocked && { refused: "ResolvedRefs", ...blocked };
};

const networkIsConfined: Check = ({ network }) => {
  const unconfined = judgeNetwork(network);
  return unconfined && { refused: "ResolvedRefs", ...unconfined };
};

const recordingIsHealthy: Check = ({ record }) =>
  record.healthy
    ? undefined
    : { refused: "Recording", stalled: false, reason: Reason.RecordingUnhealthy, message: record.message };

/** The order is the contract: what a person can change comes first. */
const admissionChecks: readonly Check[] = [
  repositoryIsAddressable,
  memberNamesAreFree,
  agentNamesAreFree,
  redactionCompiles,
  modelsExist,
  personasAreUsable,
  modelsArePriced,
  modelsAreReady,
  secretIsAllowed,
  networkIsConfined,
  recordingIsHealthy,
];

const recheckMs = 10_000;
const startMs = 300_000;

const missingMembers = ({ mission, agents }: MissionSnapshot): string[] =>
  mission.spec.team.map(({ name }) => name).filter((name) => !agents.has(agentName(mission.metadata.name, name)));

/** A mission whose agents are not all there: it is admitted and they are made, or it is told why not. */
export const admission: Step = (snapshot) => {
  const missing = missingMembers(snapshot);
  if (missing.length === 0) return undefined;
  for (const check of admissionChecks) {
    const blocked = check(snapshot);
    if (blocked !== undefined) return waitingPlan({ phase: "Pending", ...blocked }, recheckMs);
  }
  const names = missing.map((member) => agentName(snapshot.mission.metadata.name, member));
  return waitingPlan(
    {
      phase: "Running",
      reason: Reason.Working,
      message: `At work: ${names.join(", ")}.`,
      acts: missing.map((member) => ({ kind: "createAgent", member })),
    },
    startMs,
  );
};
