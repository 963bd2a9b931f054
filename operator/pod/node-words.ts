import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { events, type KubeEvent } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { hasRun, type PodFacts } from "#operator/pod/facts.ts";
import { hindranceOf } from "#operator/pod/pending.ts";

/** The right to read what nodes say of pods. */
export const nodeWordsAccess: readonly Access[] = [accessTo(events, ["list"])];

/** How long a pod may take to start before its node is listened to, in milliseconds. */
export const unexplainedAfterMs = 20_000;

const isUnexplained = (pod: PodFacts, nowMs: number): boolean =>
  !pod.ended &&
  pod.scheduled &&
  ![pod.fetch, ...pod.others].some(hasRun) &&
  hindranceOf(pod, nowMs)?.reason === Reason.PodPending &&
  nowMs >= Date.parse(pod.createdAt) + unexplainedAfterMs;

const timeOf = ({ series, eventTime, deprecatedLastTimestamp }: KubeEvent): number =>
  Date.parse(series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? "") || 0;

const maxEvents = 100;

/**
 * Adds to a pod that has a node and yet does not start the newest warning about it. A volume whose Secret is gone, a
 * network that is not there: a kubelet waits for them for ever, and tells it in Events only.
 */
export const withWarning = async (
  client: Pick<KubeClient, "list">,
  namespace: string | undefined,
  pod: PodFacts,
  nowMs: number,
): Promise<PodFacts> => {
  if (!isUnexplained(pod, nowMs)) return pod;
  const fieldSelector = `regarding.uid=${pod.uid},type=Warning`;
  const { items } = await client.list(events, { namespace, fieldSelector, limit: maxEvents });
  // What the scheduler said is over: the pod has a node.
  const [newest] = items
    .filter(({ reason }) => reason !== "FailedScheduling")
    .toSorted((a, b) => timeOf(b) - timeOf(a));
  return newest === undefined ? pod : { ...pod, warning: { reason: newest.reason, message: newest.note } };
};
