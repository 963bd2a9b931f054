import type { Json, Pod } from "#nervous-system/kubernetes/kinds.ts";
import { label, observeFinalizer } from "#nervous-system/schemas/names.ts";
import { renderedCriteria, type RenderedCriterion } from "#operator/pod/criteria.ts";

/** State of one container, flattened. */
export type ContainerFacts = {
  running: boolean;
  /** Since when it runs. */
  startedAt?: string | undefined;
  /** When it ended last, however often it was started since. */
  diedAt?: string | undefined;
  /** Why it waits, as the kubelet says, e.g. `ImagePullBackOff`. */
  waitingReason?: string | undefined;
  waitingMessage?: string | undefined;
  terminated?: { exitCode: number; reason: string; message: string; finishedAt?: string | undefined } | undefined;
  restarts: number;
};

/** A container that is none of ours: an admission webhook put it into the pod. */
type OtherContainer = ContainerFacts & {
  name: string;
  /** `init` must end well before the agent starts, a `sidecar` must be up by then, and `beside` keeps the pod alive while it runs. */
  place: "init" | "sidecar" | "beside";
};

/** A success criterion of a verifier pod, and the container that runs it. */
export type CriterionFacts = ContainerFacts & RenderedCriterion;

/** Everything the decisions want to know of a pod; plain data, read once. */
export type PodFacts = {
  name: string;
  uid: string;
  resourceVersion: string;
  attempt: number;
  phase: string;
  nodeName?: string | undefined;
  /** `status.reason` and `status.message`: why the kubelet or the eviction ended it. */
  reason: string;
  message: string;
  createdAt: string;
  /** Deletion was asked for; the time at which its grace ends. */
  deletingUntil?: string | undefined;
  /** When deletion was asked for, Unix milliseconds. */
  deletedAtMs?: number | undefined;
  /** No process of it can be alive: a terminal phase, or the node has confirmed its deletion. */
  ended: boolean;
  finalizers: readonly string[];
  held: boolean;
  /** Condition `PodScheduled` while it is False. */
  unscheduled?: { reason: string; message: string } | undefined;
  scheduled: boolean;
  /** Condition `DisruptionTarget`: the cluster, not the agent, ends it. */
  disruption?: { reason: string; message: string; sinceMs: number } | undefined;
  fetch?: ContainerFacts | undefined;
  /** What holds the scribe's ports. */
  ports?: ContainerFacts | undefined;
  scribe?: ContainerFacts | undefined;
  /** The container that does the work: `agent`, or of a verifier the first criterion that has not ended well, else the last. */
  main?: ContainerFacts | undefined;
  /** Of a verifier pod, in the order in which they run. */
  criteria: readonly CriterionFacts[];
  others: readonly OtherContainer[];
  /** What its node says of a pod that it makes nothing of: only Events tell, and only where nothing else does are they read. */
  warning?: { reason: string; message: string } | undefined;
};

/** Whether a container ever ran; one that never did has left nothing behind. */
export const hasRun = (container: ContainerFacts | undefined): boolean =>
  container !== undefined && (container.running || container.terminated !== undefined || container.restarts > 0);

/** How a container ended, in brackets behind a sentence about it; nothing where it has not. */
export const howEnded = (container: ContainerFacts | undefined): string => {
  const end = container?.terminated;
  return end === undefined ? "" : ` (${end.reason || "Error"}, exit code ${end.exitCode})`;
};

/** Whether the scribe ended twice or more, the last time while the agent worked: nothing that an agent does may end it. */
export const scribeDiedBesideAgent = ({ scribe, main }: PodFacts): boolean => {
  if (main?.running !== true || scribe === undefined || scribe.restarts < 2) return false;
  const [startedAt, diedAt] = [Date.parse(main.startedAt ?? ""), Date.parse(scribe.diedAt ?? "")];
  // Where the node does not say when, it is not taken for harmless.
  return !(diedAt < startedAt);
};

/** Containers that keep a pod alive whose own has ended: the kubelet stops neither them nor, before them, the scribe. */
export const lingering = ({ main, others }: PodFacts): readonly OtherContainer[] =>
  main?.terminated === undefined ? [] : others.filter((c) => c.place === "beside" && c.terminated === undefined);

type Status = Exclude<Json<NonNullable<Pod["status"]>>, undefined>;
type RawContainer = NonNullable<Status["containerStatuses"]>[number];
type RawCondition = NonNullable<Status["conditions"]>[number];

const terminatedOf = (raw: RawContainer): ContainerFacts["terminated"] => {
  // A sidecar that restarted shows its end under lastState until the next one.
  const ended = raw.state?.terminated ?? (raw.state?.running ? undefined : raw.lastState?.terminated);
  if (ended === undefined) return undefined;
  const { exitCode, reason = "", message = "", finishedAt } = ended;
  return { exitCode, reason, message, finishedAt };
};

const timesOf = ({ state, lastState }: RawContainer): Pick<ContainerFacts, "startedAt" | "diedAt"> => ({
  startedAt: state?.running?.startedAt,
  diedAt: (state?.terminated ?? lastState?.terminated)?.finishedAt,
});

const containerFacts = (raw: RawContainer): ContainerFacts => ({
  ...timesOf(raw),
  running: raw.state?.running !== undefined,
  waitingReason: raw.state?.waiting?.reason,
  waitingMessage: raw.state?.waiting?.message,
  terminated: terminatedOf(raw),
  restarts: raw.restartCount,
});

const factsOf = (raws: readonly RawContainer[] | undefined, wanted: string): ContainerFacts | undefined => {
  const raw = raws?.find(({ name }) => name === wanted);
  return raw === undefined ? undefined : containerFacts(raw);
};

const conditionFacts = (conditions: readonly RawCondition[] | undefined) => {
  const scheduled = conditions?.find(({ type }) => type === "PodScheduled");
  const target = conditions?.find(({ type, status }) => type === "DisruptionTarget" && status === "True");
  const told = ({ reason = "", message = "" }: RawCondition) => ({ reason, message });
  return {
    scheduled: scheduled?.status === "True",
    unscheduled: scheduled?.status === "False" ? told(scheduled) : undefined,
    disruption:
      target === undefined ? undefined : { ...told(target), sinceMs: Date.parse(target.lastTransitionTime ?? "") },
  };
};

// The kubelet deletes with grace 0 only after every container has ended; who forces a deletion by hand vouches for the same.
const isEnded = ({ metadata, status }: Pod): boolean =>
  status?.phase === "Succeeded" ||
  status?.phase === "Failed" ||
  (metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0);

const unstarted: ContainerFacts = { running: false, restarts: 0 };

const criteriaFacts = ({ spec, status }: Pod): CriterionFacts[] => {
  const raws = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return renderedCriteria(spec).map((criterion) => ({ ...(factsOf(raws, criterion.name) ?? unstarted), ...criterion }));
};

// The kubelet starts no criterion after one that has not ended well.
const atWork = (criteria: readonly CriterionFacts[]): CriterionFacts | undefined =>
  criteria.find(({ terminated }) => terminated?.exitCode !== 0) ?? criteria.at(-1);

const ownNames: readonly string[] = ["agent", "fetch", "ports", "scribe"];

const otherFacts = ({ spec, status }: Pod): OtherContainer[] => {
  const own = new Set([...ownNames, ...renderedCriteria(spec).map(({ name }) => name)]);
  const sidecars = new Set(spec?.initContainers?.filter((c) => c.restartPolicy === "Always").map(({ name }) => name));
  const before = (status?.initContainerStatuses ?? []).map((raw) => ({
    raw,
    place: sidecars.has(raw.name) ? ("sidecar" as const) : ("init" as const),
  }));
  const beside = (status?.containerStatuses ?? []).map((raw) => ({ raw, place: "beside" as const }));
  return [...before, ...beside]
    .filter(({ raw }) => !own.has(raw.name))
    .map(({ raw, place }) => ({ ...containerFacts(raw), name: raw.name, place }));
};

// With the last of its deletions a pod's grace is cut to 0, and its deletion time moves by as much: the difference stays.
const deletedAtMs = ({ deletionTimestamp, deletionGracePeriodSeconds = 0 }: Pod["metadata"]): number | undefined =>
  deletionTimestamp === undefined ? undefined : Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;

const identityFacts = ({ metadata }: Pod) => {
  const finalizers = metadata.finalizers ?? [];
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    attempt: Number(metadata.labels?.[label.attempt] ?? 0),
    createdAt: metadata.creationTimestamp,
    deletingUntil: metadata.deletionTimestamp,
    deletedAtMs: deletedAtMs(metadata),
    finalizers,
    held: finalizers.includes(observeFinalizer),
  };
};

const runFacts = ({ phase = "Pending", reason = "", message = "", conditions, initContainerStatuses }: Status) => ({
  phase,
  reason,
  message,
  ...conditionFacts(conditions),
  fetch: factsOf(initContainerStatuses, "fetch"),
  ports: factsOf(initContainerStatuses, "ports"),
  scribe: factsOf(initContainerStatuses, "scribe"),
});

/** Reads a Pod into plain facts. */
export const podFacts = (pod: Pod): PodFacts => {
  const criteria = criteriaFacts(pod);
  return {
    ...identityFacts(pod),
    ...runFacts(pod.status ?? {}),
    main: atWork(criteria) ?? factsOf(pod.status?.containerStatuses, "agent"),
    criteria,
    others: otherFacts(pod),
    nodeName: pod.spec?.nodeName,
    ended: isEnded(pod),
  };
};
