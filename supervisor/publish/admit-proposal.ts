import { judgeSecret, type SecretVerdict } from "#nervous-system/kubernetes/secret-use.ts";
import type { Secret } from "#nervous-system/kubernetes/kinds.ts";
import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { asksBeforePublishing, isApproved } from "#nervous-system/schemas/approvals.ts";
import { isFinished } from "#nervous-system/schemas/conditions.ts";
import { isHeld } from "#nervous-system/schemas/held.ts";
import { gitSecretKeys } from "#nervous-system/schemas/names.ts";
import {
  awaitPerson,
  refuse,
  retry,
  type Proposal,
  type Refused,
  type Retryable,
  type Step,
} from "#supervisor/publish/proposal.ts";

/** What a proposal is judged on before anything of it is fetched. */
export type ProposalSnapshot = {
  readonly proposal: Proposal;
  readonly mission: Mission | undefined;
  readonly agent: Agent | undefined;
  /** The Secret that the mission names, if it names one that exists. */
  readonly secret: Secret | undefined;
};

/** A mission's repository and what it is used with. */
export type Credential = {
  readonly repo: URL;
  readonly credentials: { readonly username: string; readonly password: string };
};

/** Where a proposal goes, and with which credential. */
export type Admitted = Credential & {
  readonly mission: Mission;
  readonly agent: Agent;
  readonly ref: string;
  /** The Secret that they are of, by which a fork is judged. */
  readonly secret: Secret | undefined;
};

type Check = (s: ProposalSnapshot) => Refused | Retryable | undefined;

const missionIsThis: Check = ({ proposal, mission }) =>
  mission?.metadata.uid === proposal.missionUid
    ? undefined
    : refuse("MissionNotFound", `Mission "${proposal.mission}" (${proposal.missionUid}) does not exist any more`);

const missionStays: Check = ({ mission }) =>
  mission?.metadata.deletionTimestamp === undefined
    ? undefined
    : refuse("MissionNotFound", `Mission "${mission.metadata.name}" is being deleted`);

const missionGoesOn: Check = ({ mission }) =>
  isFinished(mission?.status?.conditions)
    ? refuse("MissionFinished", `Mission "${mission?.metadata.name}" has ended; nothing of it is published any more`)
    : undefined;

const agentIsThis: Check = ({ proposal, agent }) =>
  agent?.metadata.uid === proposal.agentUid
    ? undefined
    : refuse("AgentNotFound", `the proposing Agent "${proposal.agentName}" (${proposal.agentUid}) does not exist`);

const agentIsOfMission: Check = ({ agent, mission }) =>
  agent?.spec.missionRef.name === mission?.metadata.name
    ? undefined
    : refuse("AgentNotFound", `Agent "${agent?.metadata.name}" does not work for Mission "${mission?.metadata.name}"`);

const attemptIsCurrent: Check = ({ proposal, agent }) => {
  const current = agent?.status?.attempt ?? 0;
  return proposal.epoch >= current
    ? undefined
    : refuse("StaleAttempt", `the proposal is of attempt ${proposal.epoch}; attempt ${current} has taken its place`);
};

const repoIsTheMissions: Check = ({ proposal, mission }) =>
  proposal.repo === mission?.spec.workspace.repo
    ? undefined
    : refuse(
        "RepositoryNotAllowed",
        `the mission's repository is ${mission?.spec.workspace.repo}, not ${proposal.repo}`,
      );

const branchIsTheMissions: Check = ({ proposal, mission }) =>
  proposal.branch === mission?.spec.workspace.ref
    ? undefined
    : refuse("BranchNotAllowed", `the mission works on "${mission?.spec.workspace.ref}", not on "${proposal.branch}"`);

// Of an older one the branch would hold the files that must not be changed as they once were, and its tests, too. What the
// operator has not written yet, it has by the time that this is judged again.
const baseIsTheAgents: Check = ({ proposal, agent }) => {
  const begun = agent?.status?.baseCommit;
  return begun === undefined || proposal.base === begun
    ? undefined
    : refuse("BaseNotAllowed", `the agent began at ${begun}; its proposal is based on ${proposal.base}`);
};

const secretIsNamed: Check = ({ mission }) =>
  mission?.spec.workspace.secretRef === undefined
    ? refuse("SecretNotFound", "publishing needs a credential: name a Secret in workspace.secretRef")
    : undefined;

// Last: what is refused anyway waits for nobody.
const personApproves: Check = ({ proposal, mission }) =>
  mission !== undefined && asksBeforePublishing(mission) && !isApproved(mission, proposal.request)
    ? awaitPerson(`a person has to approve what Agent "${proposal.agentName}" proposes`)
    : undefined;

const nobodySuspends: Check = ({ agent, mission }) =>
  (mission !== undefined && isHeld(mission)) || agent?.spec.suspend === true
    ? retry(`Mission "${mission?.metadata.name}" is suspended or paused; nothing of it is published meanwhile`)
    : undefined;

/** In this order; the first that refuses is told. */
const checks: readonly Check[] = [
  missionIsThis,
  missionStays,
  missionGoesOn,
  agentIsThis,
  agentIsOfMission,
  attemptIsCurrent,
  repoIsTheMissions,
  branchIsTheMissions,
  baseIsTheAgents,
  secretIsNamed,
  personApproves,
  nobodySuspends,
];

const firstRefusal = (s: ProposalSnapshot): Refused | Retryable | undefined => {
  for (const check of checks) {
    const blocked = check(s);
    if (blocked !== undefined) return blocked;
  }
  return undefined;
};

/** What was taken back may be given back: the mission waits for it elsewhere, too. */
const withoutSecret = ({ reason, message }: Extract<SecretVerdict, { kind: "refused" }>): Refused | Retryable =>
  reason === "SecretNotAllowed" ? retry(message) : refuse(reason, message);

/** The credential of a mission's repository, where its Secret may be used for that. */
export const judgeCredential = (mission: Mission, secret: Secret | undefined): Step<Credential> => {
  const { repo: url, secretRef } = mission.spec.workspace;
  const namespace = mission.metadata.namespace ?? "";
  const wanted = { namespace, name: secretRef?.name ?? "", use: "git", repo: url } as const;
  const verdict = judgeSecret(secret, { ...wanted, keys: Object.values(gitSecretKeys) });
  if (verdict.kind === "refused") return withoutSecret(verdict);
  const { username = "", password = "" } = verdict.values;
  return { kind: "ok", value: { repo: new URL(url), credentials: { username, password } } };
};

/** Decides whether a proposal may be published at all, where, and whether now. */
export const admitProposal = (s: ProposalSnapshot): Step<Admitted> => {
  const blocked = firstRefusal(s);
  if (blocked !== undefined) return blocked;
  const { mission, agent, secret } = s;
  if (mission === undefined || agent === undefined) throw new Error("the checks let a proposal without a mission pass");
  const credential = judgeCredential(mission, secret);
  if (credential.kind !== "ok") return credential;
  return { kind: "ok", value: { ...credential.value, mission, agent, ref: mission.spec.workspace.ref, secret } };
};
