import { trace } from "@opentelemetry/api";
import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { silentLog, type Log } from "#nervous-system/kernel/log.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { events, leases } from "#nervous-system/kubernetes/kinds.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { CheckAnswer, GatewayCheck } from "#operator/gateway/check.ts";
import { createOperator } from "#operator/operator.ts";
import { createKubernetesMetrics } from "#operator/runtime/kubernetes-metrics.ts";
import { aPodConfig } from "#test/builders/pod-config.ts";
import { someRelease } from "#test/builders/network.ts";
import { clientOn } from "#test/integration/kubernetes/control-plane.ts";
import { chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import type { World } from "#test/integration/operator/world.ts";

/** One write of the operator: what it did to which kind. */
type Write = { verb: string; kind: string };

/** Called after each write to anything but leases and Events; when it throws, the writer never hears the answer. */
type AfterWrite = (write: Write) => void;

/** An operator in this process. */
export type TestOperator = {
  writes: Write[];
  /** What it says to whoever scrapes it. */
  scrape(): Promise<string>;
  stop(): Promise<void>;
};

/** How an operator of a test differs. */
export type TestOperatorOptions = {
  tenants: readonly string[];
  afterWrite?: AfterWrite;
  /** Asked before each write; throws to stop it. */
  beforeWrite?: () => void;
  check?: GatewayCheck;
  clock?: Clock;
  log?: Log;
  record?: TestRecord;
};

const isBookkeeping = (kind: ResourceKind): boolean => kind.kind === leases.kind || kind.kind === events.kind;

/** A client that tells of each write, and may be stopped from writing. */
const watched = (client: KubeClient, before: () => void, after: AfterWrite): KubeClient => {
  const around = async <R>(kind: ResourceKind, verb: string, write: () => Promise<R>): Promise<R> => {
    before();
    const answer = await write();
    if (!isBookkeeping(kind)) after({ verb, kind: kind.kind });
    return answer;
  };
  return {
    ...client,
    create: (kind, draft, options) => around(kind, "create", () => client.create(kind, draft, options)),
    patch: (kind, target, patch) => around(kind, "patch", () => client.patch(kind, target, patch)),
    patchStatus: (kind, target, status) => around(kind, "status", () => client.patchStatus(kind, target, status)),
    delete: (kind, target, options) => around(kind, "delete", () => client.delete(kind, target, options)),
    with: (limits) => watched(client.with(limits), before, after),
  };
};

/** Where an operator writes its own frames. */
type TestRecord = Pick<ComponentRecorder, "write">;

/** A record of one operator, whose frames are in the stream once they are written; it knows one that comes again, as a recorder does. */
const recordOn = ({ bus }: World, podName: string): TestRecord => {
  const chain = chainBuilder({ agent_uid: stableId(podName), producer: "operator", recorder: "operator" });
  const written = new Set<string>();
  return {
    write: async ({ eventType, eventId = "", payload, subject }) => {
      if (written.has(eventId)) return eventId;
      await bus.publisher.publish([chain.next({ event_type: eventType, event_id: eventId, payload }, subject)]);
      written.add(eventId);
      return eventId;
    },
  };
};

const yes: GatewayCheck = (): Promise<CheckAnswer> =>
  Promise.resolve({ kind: "answered", ok: true, reason: "ProbeSucceeded", message: "" });

let serial = 0;

/** Starts an operator under its own role; resolves at once, `stop` ends it in order. */
export const runOperator = (world: World, options: TestOperatorOptions): TestOperator => {
  const writes: Write[] = [];
  const registry = createRegistry();
  const kubernetesMetrics = createKubernetesMetrics(registry);
  const { client, close } = clientOn({ kind: "file", path: world.operatorKubeconfig }, kubernetesMetrics.onAnswer);
  const stopping = new AbortController();
  const after: AfterWrite = (write) => {
    writes.push(write);
    options.afterWrite?.(write);
  };
  const operator = createOperator({
    client: watched(client, options.beforeWrite ?? (() => undefined), after),
    release: someRelease,
    tenants: options.tenants,
    identity: `operator-${(serial += 1)}`,
    lease: { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 100 },
    bus: world.bus,
    record: options.record ?? recordOn(world, `operator-${serial}`),
    check: options.check ?? yes,
    config: aPodConfig(),
    times: { stopMs: 10_000, drainMs: 30_000, failurePauseMs: 50, disruptionPauseMs: 50, longestPauseMs: 1_000 },
    verifierPauseMs: 50,
    stopTimeoutMs: 2_000,
    registry,
    kubernetesMetrics,
    tracer: trace.getTracer("test"),
    clock: options.clock ?? systemClock(),
    random: Math.random,
    log: options.log ?? silentLog,
  });
  const ended = operator.manager.run(stopping.signal);
  return {
    writes,
    scrape: () => {
      operator.beforeScrape();
      return registry.metrics();
    },
    stop: async () => {
      stopping.abort(new Error("the test is over"));
      await ended.catch(() => undefined);
      close();
    },
  };
};
