import { withPlainTexts } from "#nervous-system/kernel/plain-text.ts";
import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import type { EventRecorder } from "#nervous-system/kubernetes/events.ts";
import type { KubeClient, Target } from "#nervous-system/kubernetes/kube-client.ts";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";
import { changeOf, mergePatchOf, type Change } from "#operator/status/change.ts";
import type { StatusEvent } from "#operator/status/events.ts";
import type { Pace } from "#operator/status/pace.ts";

type WithConditions = { conditions?: Condition[] | undefined };

/** A status to be written, and what people are told of it. */
type StatusWrite<T extends KubeObject, S extends WithConditions> = {
  kind: ResourceKind<T>;
  object: T;
  before: S;
  after: S;
  /** Members of the status that the next decision rests on. */
  structural: readonly (keyof S)[];
  events: (before: S, after: S) => readonly StatusEvent[];
};

/** The object as it is now, and how long a change that had to wait must wait, in milliseconds. */
export type StatusWritten<T> = { object: T; waitMs: number };

/** The one place that writes statuses: one merge patch, only if something changed, and not more often than it may. */
export type StatusWriter = {
  write<T extends KubeObject, S extends WithConditions>(status: StatusWrite<T, S>): Promise<StatusWritten<T>>;
};

/** What the writer is made of. */
export type StatusWriterOptions = {
  client: Pick<KubeClient, "patchStatus">;
  events: Pick<EventRecorder, "record">;
  /** Limits of activity, and of conditions that may flap. */
  activity: Pace;
  flaps: Pace;
  /** Told the reason of every Event. */
  onEvent?: (reason: string) => void;
};

const targetOf = ({ metadata }: KubeObject): Target => ({
  name: metadata.name,
  namespace: metadata.namespace,
  uid: metadata.uid,
  resourceVersion: metadata.resourceVersion,
});

/** Creates the writer. */
export const createStatusWriter = (options: StatusWriterOptions): StatusWriter => {
  const { client, events: recorder, activity, flaps } = options;
  const waitFor = (change: Change, uid: string): number => {
    if (change === "activity") return activity.take(uid);
    const waitMs = change === "condition" ? flaps.take(uid) : 0;
    // A transition carries the newest activity with it, so activity alone has to wait again.
    if (waitMs === 0) activity.take(uid);
    return waitMs;
  };
  return {
    write: async ({ kind, object, before, after: computed, structural, events }) => {
      // Whatever agents, forges and commands said of themselves is printed by whoever looks at it.
      const after = withPlainTexts(computed);
      const change = changeOf(before, after, structural);
      if (change === "nothing") return { object, waitMs: 0 };
      const waitMs = waitFor(change, object.metadata.uid);
      if (waitMs > 0) return { object, waitMs };
      const written = await client.patchStatus(kind, targetOf(object), mergePatchOf(before, after));
      for (const { type, reason, note } of events(before, after)) {
        options.onEvent?.(reason);
        recorder.record({ regarding: written, type, reason, action: "Reconcile", note });
      }
      return { object: written, waitMs: 0 };
    },
  };
};

/** The outcome, looked at again no later than in `waitMs` when something had to wait. */
export const noLaterThan = (outcome: Outcome, waitMs: number): Outcome => {
  if (waitMs === 0) return outcome;
  switch (outcome.kind) {
    case "done":
    case "waiting":
      return { ...outcome, recheckMs: Math.min(outcome.recheckMs ?? waitMs, waitMs) };
    case "stalled":
      return { kind: "waiting", reason: outcome.reason, message: outcome.message, recheckMs: waitMs };
    case "failed":
      return outcome;
  }
};
