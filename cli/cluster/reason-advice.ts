import type { Reason } from "#nervous-system/schemas/conditions.ts";

/** What a reason means, and what to type next; `{mission}`, `{namespace}`, `{agent}`, `{model}` and `{pod}` stand for names. */
export type Advice = {
  /** `well`: as it should be. `passes`: it may go on by itself. `act`: it waits for somebody, or is over. */
  readonly kind: "well" | "passes" | "act";
  readonly means: string;
  /** Command lines, the first one first; none where there is nothing to do. */
  readonly next: readonly string[];
  /** In their place where the mission is over, which takes no edit. */
  readonly nextWhenOver?: readonly string[];
};

const watch = "enchanted watch {mission} --namespace {namespace}";
const logs = "enchanted logs {mission} --namespace {namespace} --agent {agent}";
const errors = "enchanted logs {mission} --namespace {namespace} --types ERROR,VERDICT";
const describeAgent = "kubectl describe agent {agent} --namespace {namespace}";
const describePod = "kubectl describe pod {pod} --namespace {namespace}";
const podLogs = "kubectl logs {pod} --namespace {namespace} --all-containers --prefix";
const usage = "enchanted usage {mission} --namespace {namespace}";
const editMission = "kubectl edit mission {mission} --namespace {namespace}";
const describeModel = "kubectl describe model {model} --namespace {namespace}";
const annotateSecret = "kubectl describe secret --namespace {namespace}";
const operatorLogs = "kubectl logs deploy/enchanted-operator --namespace enchanted-system --tail 100";
const gatewayLogs = "kubectl logs deploy/enchanted-gateway --namespace enchanted-system --tail 100";
const publisherLogs = "kubectl logs deploy/enchanted-publisher --namespace enchanted-system --tail 100";
const component = "kubectl get pods --namespace enchanted-system";
const record = "enchanted doctor --namespace {namespace}";
const policies = "kubectl get networkpolicy --namespace {namespace}";
const newMission = "kubectl get mission {mission} --namespace {namespace} -o yaml";
const resume = "enchanted resume {mission} --namespace {namespace}";
const approve = [
  "enchanted diff {mission} --namespace {namespace}",
  "enchanted approve {mission} --namespace {namespace}",
  "enchanted reject {mission} --namespace {namespace}",
];
const unsuspend = `kubectl patch mission {mission} --namespace {namespace} --type merge -p '{"spec":{"suspend":false}}'`;

const well = (means: string, ...next: string[]): Advice => ({ kind: "well", means, next });
const passes = (means: string, ...next: string[]): Advice => ({ kind: "passes", means, next });
const act = (means: string, ...next: string[]): Advice => ({ kind: "act", means, next });

/** Words and commands for every reason there is: a new one does not compile without. */
export const reasonAdvice: Readonly<Record<Reason, Advice>> = {
  // Missions
  Admitted: well("The mission was admitted."),
  Working: well("Its agents are at work.", watch),
  Publishing: passes("What its agents proposed waits for its pull request, which the publisher opens.", publisherLogs),
  Published: well("Its pull requests are open.", "enchanted open {mission} --namespace {namespace}"),
  Verifying: passes("The success criteria are being run on the published branch.", podLogs),
  CriteriaMet: well("All success criteria hold.", "enchanted open {mission} --namespace {namespace}"),
  AgentsFinished: well("Its agents finished and proposed nothing."),
  CriteriaFailed: act(
    "A success criterion does not hold on what was published. The mission is over.",
    errors,
    newMission,
  ),
  AgentFailed: act("An agent gave up, and its mission with it.", describeAgent, logs),
  BudgetExceeded: {
    ...act(
      "The mission used more than spec.budget allows; raise it where the mission waits, else make a new one.",
      usage,
      editMission,
    ),
    nextWhenOver: [usage, newMission],
  },
  RepeatedAction: act(
    "An agent does the very same again and again. Where the mission waits, this lets it go on from its last snapshot.",
    logs,
    resume,
  ),
  AlternatingEdits: act(
    "An agent changes files to and fro. Where the mission waits, this lets it go on from its last snapshot.",
    logs,
    resume,
  ),
  Idle: act(
    "An agent runs and does nothing. Where the mission waits, this lets it go on; a longer spec.stuck.idle keeps it from being taken for stuck.",
    logs,
    resume,
  ),
  PublicationRefused: act(
    "The publisher refused what was proposed, or its pull request was closed. The mission is over.",
    "enchanted diff {mission} --namespace {namespace}",
    newMission,
  ),
  VerifierDisrupted: act(
    "The cluster ended the verifier's pod again and again. The mission is over; look at its nodes.",
    "kubectl get nodes",
    newMission,
  ),
  Paused: act("A person paused it: no pod runs until somebody resumes it.", resume),
  Cancelled: act("A person cancelled it. The mission is over.", newMission),
  ApprovalRequired: act("It waits for a person to approve what it publishes; nothing goes on before.", ...approve),
  ApprovalTimedOut: {
    ...act(
      "Nobody has approved in time what it publishes. Where the mission waits, it may still be approved; else it is over.",
      ...approve,
    ),
    nextWhenOver: [newMission],
  },
  Approved: well("A person approved it.", watch),
  Rejected: act("A person rejected what it proposed. The mission is over.", newMission),
  Applied: well("What a person did was done to the mission."),
  Superseded: well("What a person did was so already.", watch),
  NotPaused: act("There was no pause to take back; its message says what the mission waits for.", watch),
  MissionFinished: act("The mission had ended, and stays so.", newMission),
  RequestNotFound: act(
    "The mission asks for nothing by that id: look at what it asks.",
    "enchanted approvals --namespace {namespace}",
  ),
  RequestDecided: act("The request was decided before, which nothing takes back.", watch),
  OtherArguments: act(
    "The approval is of something else than what is asked: look at that, and approve it.",
    "enchanted approvals --namespace {namespace}",
  ),
  WaitsItsTurn: passes("What somebody did before it is answered first."),
  Suspended: act("A person suspended it: no pod runs until spec.suspend is false.", unsuspend),
  Resumed: well("It goes on.", watch),
  InvalidRepository: act(
    "The repository is no https clone URL as it is asked for. It cannot be changed: make a new mission.",
    newMission,
  ),
  NameReserved: act("A member has a name that verifiers have. Make a new mission with another one.", newMission),
  NameTaken: act(
    "An agent of another mission, or one that is left over, has the name that this one's would.",
    "kubectl get agents --namespace {namespace}",
    newMission,
  ),
  AgentRejected: act(
    "A quota, a policy or an admission webhook refuses the Agent.",
    "kubectl describe resourcequota --namespace {namespace}",
    "kubectl describe mission {mission} --namespace {namespace}",
  ),
  InvalidRedaction: act("A pattern of spec.recording.redact is no RE2.", editMission),
  // References
  Resolved: well("Every reference was found."),
  ModelNotFound: act(
    "A Model that the team names does not exist in the namespace.",
    "kubectl get models --namespace {namespace}",
    editMission,
  ),
  ModelNotReady: passes("The Model's endpoint does not answer as it should yet.", describeModel, gatewayLogs),
  ModelNotPriced: act(
    "A budget in dollars needs prices, and the Model has none.",
    "kubectl edit model {model} --namespace {namespace}",
  ),
  PersonaNotFound: act(
    "A Persona that the team names does not exist in the namespace; agents that were made with it go on.",
    "kubectl get personas --namespace {namespace}",
    editMission,
  ),
  PersonaChanged: well("The Persona says something else now; agents that were made with it keep what it said then."),
  SecretInPersona: act(
    "The prompt of the Persona that the team names holds a secret; take it out where it comes from.",
    "kubectl get personas --namespace {namespace}",
  ),
  MissionNotFound: act(
    "There is no mission of that name; its agents go with it, and what people want of it is answered by that.",
    "kubectl get missions --namespace {namespace}",
  ),
  SecretNotFound: act(
    "A Secret that is named does not exist in the namespace.",
    "kubectl get secrets --namespace {namespace}",
  ),
  SecretNotAllowed: act(
    "The Secret is not given for this use: it needs the label and the annotation that the message names.",
    annotateSecret,
  ),
  SecretInvalid: act("The Secret lacks a key that is needed, or holds something else.", annotateSecret),
  CheckUnavailable: passes("The gateway, which judges Secrets and endpoints, does not answer.", component, gatewayLogs),
  NotTenant: act(
    "Nobody works on missions in this namespace: it is not among the chart's tenants.",
    "helm get values enchanted --namespace enchanted-system",
  ),
  NetworkPolicyMissing: act(
    "The NetworkPolicy that confines pods is gone from the namespace: upgrade the release to have it again.",
    policies,
  ),
  NetworkPolicyConflict: act(
    "Another NetworkPolicy opens what must be confined: take it away, or narrow it.",
    policies,
  ),
  // Attempts
  AttemptStarted: passes("The attempt starts.", watch),
  PodPending: passes("The pod is starting.", describePod),
  PodRunning: well("The pod runs.", watch),
  PodUnschedulable: act(
    "No node takes the pod: it asks for more than there is, or for what no node has.",
    describePod,
    "kubectl describe nodes",
  ),
  PodRejected: act(
    "The API server, an admission webhook, a quota or the node refuses the pod.",
    "kubectl describe resourcequota --namespace {namespace}",
    describePod,
  ),
  QuotaExceeded: act(
    "A ResourceQuota of the namespace has no room. It goes on by itself once others have ended, or the quota is raised.",
    "kubectl describe resourcequota --namespace {namespace}",
  ),
  ImagePullFailed: act(
    "The node cannot fetch an image: it is not there, or the registry asks for a credential.",
    describePod,
  ),
  PreparingWorkspace: passes("The repository is being fetched.", podLogs),
  WorkspaceReady: well("The repository is there."),
  Succeeded: well("The agent finished."),
  AttemptFailed: passes("The attempt failed; the next one starts after a pause.", logs),
  AttemptDisrupted: passes(
    "The cluster ended the attempt, which does not count; the next one starts after a pause.",
    describeAgent,
  ),
  AttemptsExhausted: act(
    "Every attempt failed that spec.retry.maxAttempts allows. The mission is over.",
    logs,
    newMission,
  ),
  DisruptedTooOften: act(
    "The cluster ended the agent's pods again and again. The mission is over; look at its nodes.",
    describeAgent,
    "kubectl get nodes",
  ),
  NotRetryable: act("The attempt failed in a way that another one cannot mend. The mission is over.", logs, newMission),
  OutOfMemory: act("The agent's container took more memory than it may.", describePod, logs),
  DiskExceeded: act("The pod filled its own disk.", describePod, logs),
  DeadlineExceeded: act(
    "Its agents were at work for as long as spec.deadline allows. The mission is over.",
    "enchanted usage {mission} --namespace {namespace}",
    newMission,
  ),
  Evicted: passes("The node evicted the pod; the next attempt starts after a pause.", "kubectl describe nodes"),
  PodDeleted: passes(
    "Somebody deleted the pod; the next attempt starts after a pause.",
    "kubectl get events --namespace {namespace}",
  ),
  NodeUnreachable: act(
    "The pod's node does not answer, and nobody knows whether the pod still runs: bring the node back, or delete it.",
    "kubectl get nodes",
  ),
  ContainerLost: passes("The node lost the container; the next attempt starts after a pause.", "kubectl get nodes"),
  Draining: passes("Pods are being stopped, and hand over their record.", "kubectl get pods --namespace {namespace}"),
  // Workspaces
  RepositoryNotFound: act(
    "The forge knows no such repository, or not for this credential.",
    newMission,
    annotateSecret,
  ),
  AuthenticationFailed: act("The forge does not take the credential in the Secret.", annotateSecret),
  RefNotFound: act("The repository has no such branch.", newMission),
  RepositoryUnreachable: passes("The repository cannot be fetched; it is tried again.", podLogs, gatewayLogs),
  HostNotFound: act("The repository's host has no address.", newMission, gatewayLogs),
  HostNotAllowed: act("The gateway does not let anybody reach the repository's host.", gatewayLogs),
  NetworkPolicyNotEnforced: act(
    "The cluster's network does not keep pods to their NetworkPolicy, so no agent is started: it needs one that does.",
    policies,
  ),
  CollectorUnreachable: act(
    "The pod does not reach the collector, and without a record no agent starts.",
    component,
    podLogs,
  ),
  // Record
  Recording: well("What it does is recorded."),
  RecordingUnhealthy: passes("Frames do not reach the record.", record, component, operatorLogs),
  RecordingLost: act(
    "An agent worked unrecorded for longer than spec.recording.grace, so the mission waits. Once the reason is gone this lets it go on.",
    record,
    describePod,
    resume,
  ),
  RecordComplete: well("Everything that it told is in the record."),
  RecordGap: act(
    "The end of an attempt may be missing from the record; nothing brings it back.",
    describeAgent,
    record,
  ),
  ScribeDied: act(
    "The recorder beside the agent ended more than once, which nothing that an agent does may bring about.",
    describePod,
    logs,
  ),
  // Models
  ProbeSucceeded: well("The Model's endpoint answers."),
  EndpointUnreachable: act("The Model's endpoint cannot be reached by the gateway.", describeModel, gatewayLogs),
};
