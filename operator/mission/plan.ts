import type { MissionFold } from "#nervous-system/fold/state.ts";
import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import type { PendingApproval } from "#nervous-system/schemas/approvals.ts";
import type { Agent, Mission, Model, Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { RecordHealth } from "#operator/frames/view.ts";
import type { CheckAnswer } from "#operator/gateway/check.ts";
import type { NetworkView } from "#operator/pod/confinement.ts";
import type { PodFacts } from "#operator/pod/facts.ts";

/** Everything that decides what happens to a Mission next, read once. */
export type MissionSnapshot = {
  /** The mission, with what a person did to it and it does not know of yet. */
  mission: Mission;
  /** Its status as it is stored. */
  stored: MissionStatus;
  /** Whether the operator may act in the mission's namespace. */
  isTenant: boolean;
  /** Agents that the mission owns, by name. */
  agents: ReadonlyMap<string, Agent>;
  /** Pods of their current attempts, as far as they are seen, by the name of the agent. */
  pods: ReadonlyMap<string, PodFacts>;
  /** Agents of others that have the names of this mission's, with the mission that they belong to where there still is one. */
  taken: ReadonlyArray<{ readonly agent: string; readonly mission: string | undefined }>;
  /** Models that the team names, by name. */
  models: ReadonlyMap<string, Model>;
  /** Personas that the team names, by name. */
  personas: ReadonlyMap<string, Persona>;
  /** The gateway's verdict on the Git secret, or on the namespace where the mission names none; absent where no pod is about to be made. */
  secret: CheckAnswer | undefined;
  /** What confines the pods of its namespace; absent where no pod is about to be made. */
  network: NetworkView | undefined;
  record: RecordHealth;
  fold: MissionFold | undefined;
  /** The verifier pod that the status names, read live. */
  verifier: PodFacts | undefined;
  /** Whether acts of people on it wait for their turn. */
  actsWait: boolean;
  /** Address of the gateway's Service. */
  gatewayAddress: string | undefined;
  /** Image stamped into Agents. */
  agentImage: string;
  /** Pause between two runs of the verifier, in milliseconds; doubled with each. */
  verifierPauseMs: number;
  nowMs: number;
};

/** What a verifier runs the criteria on. */
export type VerifierTarget = {
  ref: string;
  commit: string;
  /** The pull request whose head it is, where the branch is in a fork: the repository itself holds it under that number. */
  pull?: number | undefined;
};

/** One effect on the API server. All of them happen before the status is written, and each may happen twice. */
export type MissionAct =
  | { kind: "createAgent"; member: string }
  | { kind: "suspendAgent"; agent: Agent; suspend: boolean }
  | { kind: "allowHosts"; agent: Agent; hosts: readonly string[] }
  | ({ kind: "createVerifier"; attempt: number } & VerifierTarget)
  | { kind: "deleteVerifier"; pod: PodFacts };

/** Where the Mission stands, one name for each state that people tell apart. */
type MissionPhase =
  | "Pending"
  | "Running"
  | "Draining"
  | "Suspended"
  | "AwaitingHuman"
  | "Publishing"
  | "Verifying"
  | "Complete"
  | "Failed";

/** A reason and its words. */
export type Told = { readonly reason: string; readonly message: string };

/** How a mission ended. */
export type Ending = { reason: string; message: string; evidence?: string | undefined };

/** What is to be done about a Mission, and what its status is to say. */
export type MissionPlan = {
  phase: MissionPhase;
  reason: string;
  message: string;
  /** A person must act: condition Stalled. */
  stalled: boolean;
  /** Present while not admitted: which of the conditions of admission is False. */
  refused?: "Accepted" | "ResolvedRefs" | "Recording";
  ending?: Ending;
  /** What a person is asked now; without it what was asked stays so. */
  asks?: readonly PendingApproval[];
  /** Its agents stay suspended although spec.suspend is not set. */
  pauses?: boolean;
  /** Exit code of the criteria, once they ran. */
  verifierExitCode?: number | undefined;
  acts: readonly MissionAct[];
  outcome: Outcome;
};

/** One step of the decision; the first that answers is the plan. */
export type Step = (snapshot: MissionSnapshot) => MissionPlan | undefined;

/** A plan that waits for someone else. */
export const waitingPlan = (
  fields: Pick<MissionPlan, "phase" | "reason" | "message"> & Partial<MissionPlan>,
  recheckMs: number,
): MissionPlan => ({
  stalled: false,
  acts: [],
  outcome: { kind: "waiting", reason: fields.reason, message: fields.message, recheckMs },
  ...fields,
});

// How these end is no fault of the spec, the secret or the forge's settings.
const nothingToMend: ReadonlySet<string> = new Set([
  Reason.CriteriaFailed,
  Reason.VerifierDisrupted,
  Reason.DisruptedTooOften,
  Reason.Cancelled,
  Reason.Rejected,
  Reason.ApprovalTimedOut,
]);

// Some are words of others, such as a provider's or a forge's.
const asSentence = (text: string): string => (/[.!?\s]$/.test(text) ? text : `${text}.`);

const withAdvice = (ending: Ending): Ending =>
  nothingToMend.has(ending.reason)
    ? ending
    : {
        ...ending,
        message: `${asSentence(ending.message)} This mission is over and frozen: mend it in a new mission.`,
      };

/** The plan of a mission that is over. */
export const endingPlan = (phase: "Complete" | "Failed", how: Ending, verifierExitCode?: number): MissionPlan => {
  const ending = phase === "Failed" ? withAdvice(how) : how;
  const { reason, message } = ending;
  return {
    phase,
    reason,
    message,
    stalled: phase === "Failed",
    ending,
    verifierExitCode,
    acts: [],
    outcome: phase === "Complete" ? { kind: "done" } : { kind: "stalled", reason, message },
  };
};
