import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { isConflict, isNotFound } from "#nervous-system/kubernetes/errors.ts";
import { createInformer } from "#nervous-system/kubernetes/informer.ts";
import { pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { label } from "#nervous-system/schemas/names.ts";
import { podFacts } from "#operator/pod/facts.ts";
import { endedStatus, runningStatus, type PodStatus } from "#test/builders/pod-status.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";

/** The part of a kubelet, played by hand: the one thing that no component does in these tests. */
export type Kubelet = {
  /** Resolves with the pod once it exists. */
  pod(name: string): Promise<Pod>;
  /** Binds the pod to a node and writes what a kubelet would. */
  report(name: string, status: PodStatus): Promise<void>;
  /** Names of the agent pods that were seen, in order. */
  seen(): readonly string[];
  /** Most agent pods of one Agent that lived at the same time. */
  mostAtOnce(): number;
  /** Reports this for every new pod whose name matches. */
  script(pattern: RegExp, ...statuses: readonly PodStatus[]): void;
  stop(): Promise<void>;
};

const isLive = (pod: Pod): boolean => !podFacts(pod).ended;

const bind = async (admin: KubeClient, { namespace, name }: Pod["metadata"]): Promise<void> => {
  const target = { apiVersion: "v1", kind: "Node", name: "node-1" };
  const body = { apiVersion: "v1", kind: "Binding", metadata: { namespace, name }, target };
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/binding`;
  await admin.request({
    method: "POST",
    path,
    body: { contentType: "application/json", text: JSON.stringify(body) },
  });
};

// What has ended keeps its end; the rest ends now, by SIGTERM.
const atDeletion = ({ status }: Pod): PodStatus => {
  const terminated = { exitCode: 143, reason: "Error", finishedAt: new Date().toISOString() };
  const stopped = endedStatus({ exitCode: 143, scribe: { lastSeq: 0, ackedSeq: 0 } });
  if (status?.containerStatuses === undefined) return stopped;
  const containerStatuses = status.containerStatuses.map((container) => ({
    ...container,
    state: container.state?.terminated === undefined ? { terminated } : container.state,
  }));
  return { ...stopped, containerStatuses };
};

/** Starts a kubelet for the pods of one namespace. */
export const startKubelet = async (admin: KubeClient, namespace: string): Promise<Kubelet> => {
  const stopping = new AbortController();
  const seen: string[] = [];
  const scripts: Array<{ pattern: RegExp; statuses: readonly PodStatus[] }> = [];
  const work = new Set<Promise<void>>();
  let most = 0;
  const informer = createInformer<Pod>({
    client: admin,
    kind: pods,
    selection: { namespace },
    clock: systemClock(),
    random: Math.random,
    log: silentLog,
  });

  const report = async (name: string, status: PodStatus): Promise<void> => {
    for (;;) {
      const pod = await admin.get(pods, { namespace, name });
      if (pod.spec?.nodeName === undefined) {
        await bind(admin, pod.metadata);
        continue;
      }
      const { uid, resourceVersion } = pod.metadata;
      try {
        await admin.patchStatus(pods, { namespace, name, uid, resourceVersion }, { ...status });
        return;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
  };
  const finishDeletion = async (pod: Pod): Promise<void> => {
    const { name, uid } = pod.metadata;
    if (isLive(pod)) await report(name, atDeletion(pod));
    await admin.delete(pods, { namespace, name, uid }, { gracePeriodSeconds: 0 });
  };
  const play = async (pod: Pod, statuses: readonly PodStatus[]): Promise<void> => {
    for (const status of statuses) await report(pod.metadata.name, status);
  };
  const start = (task: Promise<void>): void => {
    // A pod that is gone, or another's write, is no business of a kubelet's.
    const ended = task.catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
    work.add(ended);
    void ended.finally(() => work.delete(ended));
  };
  const countLive = (): void => {
    const byAgent = new Map<string, number>();
    for (const pod of informer.list()) {
      const agent = pod.metadata.labels?.[label.agent];
      if (agent !== undefined && isLive(pod)) byAgent.set(agent, (byAgent.get(agent) ?? 0) + 1);
    }
    most = Math.max(most, ...byAgent.values());
  };
  informer.addHandler((change) => {
    countLive();
    const { object: pod } = change;
    if (change.kind === "added") {
      if (pod.metadata.labels?.[label.agent] !== undefined) seen.push(pod.metadata.name);
      const script = scripts.find(({ pattern }) => pattern.test(pod.metadata.name));
      if (script !== undefined) start(play(pod, script.statuses));
    }
    const wasDeleting = change.kind === "updated" && change.previous.metadata.deletionTimestamp !== undefined;
    const isDeleting = pod.metadata.deletionTimestamp !== undefined && change.kind !== "deleted";
    if (isDeleting && !wasDeleting && pod.metadata.deletionGracePeriodSeconds !== 0) start(finishDeletion(pod));
  });
  const running = informer.run(stopping.signal);
  await informer.synced();
  return {
    pod: async (name) => {
      await eventually(`pod ${name} exists`, () => informer.get(`${namespace}/${name}`) !== undefined);
      return informer.get(`${namespace}/${name}`) as Pod;
    },
    report,
    seen: () => seen,
    mostAtOnce: () => most,
    script: (pattern, ...statuses) => void scripts.unshift({ pattern, statuses }),
    stop: async () => {
      stopping.abort(new Error("the test is over"));
      await running;
      await Promise.all(work);
    },
  };
};

/** What a pod does whose agent works and ends well. */
export const wholeLife = (end: Parameters<typeof endedStatus>[0] = {}): readonly PodStatus[] => [
  runningStatus(),
  endedStatus({ scribe: { lastSeq: 0, ackedSeq: 0 }, ...end }),
];
