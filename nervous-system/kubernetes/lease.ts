import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { accessTo } from "#nervous-system/kubernetes/access.ts";
import { isAlreadyExists, isConflict } from "#nervous-system/kubernetes/errors.ts";
import { type Lease, leases } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import {
  assertLeaseTimes,
  decideLeaseStep,
  type LeaseStep,
  type LeaseTimes,
  type Observation,
  observeLease,
  renderLeaseSpec,
} from "#nervous-system/kubernetes/lease-decision.ts";
import { apiVersionOf } from "#nervous-system/kubernetes/resource-kind.ts";

/** What leader election needs. */
export const leaseAccess = [accessTo(leases, ["get", "create", "patch"])];

/** A write was stopped before it left, because this process may no longer be the leader. */
class LeaseLostError extends Error {
  readonly tag = "LeaseLostError";

  constructor(name: string) {
    super(`the lease "${name}" may have lapsed: this process writes nothing more; the new leader carries on`);
    this.name = "LeaseLostError";
  }
}

/** One process's part in a leader election. */
export type LeaderElector = {
  /** Tries until this process leads; rejects with the signal's reason. */
  acquire(signal: AbortSignal): Promise<void>;
  /** Renews; resolves with `lost` when the lease may have lapsed, with `stopped` when the signal aborts. */
  hold(signal: AbortSignal): Promise<"lost" | "stopped">;
  /** Gives the lease up, so that another leads at once. Only after everything that writes has ended. */
  release(): Promise<void>;
  /** Whether the lease is surely held now, by the monotonic clock alone. */
  isLeader(): boolean;
  /** Throws `LeaseLostError` unless the lease is surely held: the guard of every write. */
  fence: () => void;
};

/** What an elector is made of. */
export type LeaderElectorOptions = {
  /** A client without a guard: the elector's own writes are judged by their resourceVersion. */
  client: KubeClient;
  namespace: string;
  name: string;
  /** Unique per process, not per pod: a restarted container must wait until its predecessor's lease lapses. */
  identity: string;
  times: LeaseTimes;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
};

type Election = LeaderElectorOptions & { state: { observed: Observation | undefined; heldUntilMs: number } };

// RFC 3339 with microseconds, as the API's MicroTime is written.
const microTime = (clock: Clock): string => new Date(clock.now()).toISOString().replace("Z", "000Z");

const writeClaim = (election: Election, step: LeaseStep & { kind: "create" | "take" }): Promise<Lease> => {
  const { client, namespace, name, identity, times, clock } = election;
  const last = step.kind === "take" ? step.lease : undefined;
  const spec = renderLeaseSpec(identity, times, {
    time: microTime(clock),
    transitions: step.kind === "take" ? step.transitions : 0,
    acquireTime: last?.spec?.holderIdentity === identity ? last.spec.acquireTime : undefined,
  });
  if (last) return client.patch(leases, last.metadata, { spec });
  return client.create(leases, {
    apiVersion: apiVersionOf(leases),
    kind: leases.kind,
    metadata: { namespace, name },
    spec,
  });
};

const observe = async ({ client, namespace, name, identity, clock, state }: Election): Promise<void> => {
  // A holder goes on from what it wrote itself: its next write is refused if anyone else wrote meanwhile.
  if (state.observed?.lease.spec?.holderIdentity === identity) return;
  const lease = await client.find(leases, { namespace, name });
  state.observed = lease && observeLease(state.observed, lease, clock.monotonicMs());
};

/** One attempt to take or to renew the lease. */
const claim = async (election: Election): Promise<"held" | "refused"> => {
  const { identity, times, clock, state } = election;
  await observe(election);
  const step = decideLeaseStep(state.observed, identity, clock.monotonicMs(), times.durationMs);
  if (step.kind === "wait") return "refused";
  const begunMs = clock.monotonicMs();
  const lease = await writeClaim(election, step);
  state.observed = { lease, changedAtMs: clock.monotonicMs() };
  // Counted from before the request left: whenever the server carried it out, nobody else takes over before then.
  state.heldUntilMs = begunMs + times.renewDeadlineMs;
  return "held";
};

const tryClaim = (election: Election): Promise<"held" | "refused" | "failed"> =>
  claim(election).catch((err: unknown) => {
    // Another was faster, or our own last write went through unheard: what we know is out of date.
    if (isConflict(err) || isAlreadyExists(err)) election.state.observed = undefined;
    else election.log.warn({ err, lease: election.name }, "could not reach the lease; trying again");
    return "failed";
  });

const pause = ({ clock, random, times }: Election, signal: AbortSignal): Promise<void> =>
  // Up to a tenth more, so that candidates that started together do not ask together for ever.
  clock.sleep(times.retryMs * (1 + random() / 10), signal);

const hold = async (election: Election, signal: AbortSignal): Promise<"lost" | "stopped"> => {
  const { clock, state } = election;
  for (;;) {
    await pause(election, signal).catch(() => undefined);
    if (signal.aborted) return "stopped";
    const outcome = await tryClaim(election);
    if (outcome === "refused" || (outcome === "failed" && clock.monotonicMs() >= state.heldUntilMs)) {
      state.heldUntilMs = -Infinity;
      return "lost";
    }
  }
};

const release = async ({ client, state, log, name, identity }: Election): Promise<void> => {
  state.heldUntilMs = -Infinity;
  const lease = state.observed?.lease;
  if (lease?.spec?.holderIdentity !== identity) return;
  // Without a holder the next candidate does not wait for the lease to lapse.
  const spec = { holderIdentity: "", leaseDurationSeconds: 1 };
  await client.patch(leases, lease.metadata, { spec }).catch((err: unknown) => {
    log.warn({ err, lease: name }, "could not give the lease up; the next leader waits until it lapses");
  });
  state.observed = undefined;
};

/** Creates an elector; throws where its time limits cannot keep two leaders apart. */
export const createLeaderElector = (options: LeaderElectorOptions): LeaderElector => {
  assertLeaseTimes(options.times);
  // A renewal that hangs must end early enough for another attempt within the deadline.
  const client = options.client.with({ timeoutMs: options.times.renewDeadlineMs / 2 });
  const election: Election = { ...options, client, state: { observed: undefined, heldUntilMs: -Infinity } };
  const { clock, state, name, identity, log } = election;
  const isLeader = (): boolean => clock.monotonicMs() < state.heldUntilMs;
  return {
    acquire: async (signal) => {
      while ((await tryClaim(election)) !== "held") await pause(election, signal);
      signal.throwIfAborted();
      log.info({ lease: name, identity }, "leading");
    },
    hold: (signal) => hold(election, signal),
    release: () => release(election),
    isLeader,
    fence: () => {
      if (!isLeader()) throw new LeaseLostError(name);
    },
  };
};
