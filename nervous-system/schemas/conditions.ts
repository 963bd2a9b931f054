import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";

/** Types of conditions. `Reconciling` and `Stalled` are present only while true. */
export const ConditionType = {
  Ready: "Ready",
  Reconciling: "Reconciling",
  Stalled: "Stalled",
  Accepted: "Accepted",
  ResolvedRefs: "ResolvedRefs",
  Complete: "Complete",
  Failed: "Failed",
  Suspended: "Suspended",
  Recording: "Recording",
  Stuck: "Stuck",
  AwaitingHuman: "AwaitingHuman",
  PersonaCurrent: "PersonaCurrent",
  PodScheduled: "PodScheduled",
  WorkspaceReady: "WorkspaceReady",
} as const;

/** Reasons, each also the reason of the Event that tells the same. */
export const Reason = {
  // Missions
  Admitted: "Admitted",
  Working: "Working",
  Publishing: "Publishing",
  Published: "Published",
  Verifying: "Verifying",
  CriteriaMet: "CriteriaMet",
  AgentsFinished: "AgentsFinished",
  CriteriaFailed: "CriteriaFailed",
  AgentFailed: "AgentFailed",
  BudgetExceeded: "BudgetExceeded",
  RepeatedAction: "RepeatedAction",
  AlternatingEdits: "AlternatingEdits",
  Idle: "Idle",
  PublicationRefused: "PublicationRefused",
  VerifierDisrupted: "VerifierDisrupted",
  Suspended: "Suspended",
  Resumed: "Resumed",
  Paused: "Paused",
  Cancelled: "Cancelled",
  ApprovalRequired: "ApprovalRequired",
  ApprovalTimedOut: "ApprovalTimedOut",
  Approved: "Approved",
  Rejected: "Rejected",
  InvalidRepository: "InvalidRepository",
  NameReserved: "NameReserved",
  NameTaken: "NameTaken",
  AgentRejected: "AgentRejected",
  InvalidRedaction: "InvalidRedaction",
  // Interventions
  Applied: "Applied",
  Superseded: "Superseded",
  WaitsItsTurn: "WaitsItsTurn",
  NotPaused: "NotPaused",
  MissionFinished: "MissionFinished",
  RequestNotFound: "RequestNotFound",
  RequestDecided: "RequestDecided",
  OtherArguments: "OtherArguments",
  // References
  Resolved: "Resolved",
  ModelNotFound: "ModelNotFound",
  ModelNotReady: "ModelNotReady",
  ModelNotPriced: "ModelNotPriced",
  MissionNotFound: "MissionNotFound",
  PersonaNotFound: "PersonaNotFound",
  PersonaChanged: "PersonaChanged",
  SecretInPersona: "SecretInPersona",
  SecretNotFound: "SecretNotFound",
  SecretNotAllowed: "SecretNotAllowed",
  SecretInvalid: "SecretInvalid",
  CheckUnavailable: "CheckUnavailable",
  NotTenant: "NotTenant",
  NetworkPolicyMissing: "NetworkPolicyMissing",
  NetworkPolicyConflict: "NetworkPolicyConflict",
  // Attempts
  AttemptStarted: "AttemptStarted",
  PodPending: "PodPending",
  PodRunning: "PodRunning",
  PodUnschedulable: "PodUnschedulable",
  PodRejected: "PodRejected",
  QuotaExceeded: "QuotaExceeded",
  ImagePullFailed: "ImagePullFailed",
  PreparingWorkspace: "PreparingWorkspace",
  WorkspaceReady: "WorkspaceReady",
  Succeeded: "Succeeded",
  AttemptFailed: "AttemptFailed",
  AttemptDisrupted: "AttemptDisrupted",
  AttemptsExhausted: "AttemptsExhausted",
  DisruptedTooOften: "DisruptedTooOften",
  NotRetryable: "NotRetryable",
  OutOfMemory: "OutOfMemory",
  DiskExceeded: "DiskExceeded",
  DeadlineExceeded: "DeadlineExceeded",
  Evicted: "Evicted",
  PodDeleted: "PodDeleted",
  NodeUnreachable: "NodeUnreachable",
  ContainerLost: "ContainerLost",
  Draining: "Draining",
  // Workspaces (as `fetch` reports them)
  RepositoryNotFound: "RepositoryNotFound",
  AuthenticationFailed: "AuthenticationFailed",
  RefNotFound: "RefNotFound",
  RepositoryUnreachable: "RepositoryUnreachable",
  HostNotFound: "HostNotFound",
  HostNotAllowed: "HostNotAllowed",
  NetworkPolicyNotEnforced: "NetworkPolicyNotEnforced",
  CollectorUnreachable: "CollectorUnreachable",
  // Record
  Recording: "Recording",
  RecordingUnhealthy: "RecordingUnhealthy",
  RecordingLost: "RecordingLost",
  RecordComplete: "RecordComplete",
  RecordGap: "RecordGap",
  ScribeDied: "ScribeDied",
  // Models
  ProbeSucceeded: "ProbeSucceeded",
  EndpointUnreachable: "EndpointUnreachable",
} as const;

/** See `Reason`. */
export type Reason = (typeof Reason)[keyof typeof Reason];
/** See `ConditionType`. */
export type ConditionType = (typeof ConditionType)[keyof typeof ConditionType];

/** A condition as it is decided, before the time of its transition is known. */
export type DecidedCondition = Pick<Condition, "status" | "message"> & { type: ConditionType; reason: string };

/**
 * Replaces conditions by what was decided: the transition time moves only when the status does, the order is that of the
 * types, and a type that was not decided is gone.
 */
export const mergeConditions = (
  before: readonly Condition[] | undefined,
  decided: readonly DecidedCondition[],
  at: { now: string; generation: number },
): Condition[] =>
  decided
    .map((condition) => {
      const old = before?.find((c) => c.type === condition.type);
      const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : at.now;
      return { ...condition, lastTransitionTime, observedGeneration: at.generation };
    })
    .toSorted((a, b) => a.type.localeCompare(b.type));

/** The condition of `type`, if there is one. */
export const findCondition = (
  conditions: readonly Condition[] | undefined,
  type: ConditionType,
): Condition | undefined => conditions?.find((condition) => condition.type === type);

/** Whether the condition of `type` is True. */
export const isTrue = (conditions: readonly Condition[] | undefined, type: ConditionType): boolean =>
  findCondition(conditions, type)?.status === "True";

/** Whether a Mission or an Agent is over, for good or ill: neither is ever taken up again. */
export const isFinished = (conditions: readonly Condition[] | undefined): boolean =>
  isTrue(conditions, ConditionType.Complete) || isTrue(conditions, ConditionType.Failed);
