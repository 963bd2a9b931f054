import type { Clock } from "#nervous-system/kernel/clock.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { models } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType } from "#nervous-system/schemas/conditions.ts";
import type { ModelStatus } from "#nervous-system/schemas/resources/model.ts";
import type { Caches } from "#operator/caches.ts";
import { computeElsewhereStatus, computeModelStatus, modelOutcome } from "#operator/model/decide.ts";
import type { Probes } from "#operator/model/probes.ts";
import type { Reconcile } from "#operator/runtime/controller.ts";
import { isTenant } from "#operator/tenant.ts";
import { normal, turned, warning, type StatusEvent } from "#operator/status/events.ts";
import { noLaterThan, type StatusWriter } from "#operator/status/writer.ts";

/** What the Model controller is made of. */
export type ModelController = {
  caches: Pick<Caches, "models" | "pods">;
  probes: Probes;
  status: StatusWriter;
  clock: Pick<Clock, "now">;
};

/** Rights that the controller needs in the whole cluster: whoever waits for a Model elsewhere is told that nobody looks at it. */
export const modelClusterAccess: readonly Access[] = [accessTo(models, ["patch"], "status")];

const elsewhereRecheckMs = 30_000;

const structural: readonly (keyof ModelStatus)[] = ["observedGeneration", "lastHandledReconcileAt"];

const modelEvents = (before: ModelStatus, after: ModelStatus): StatusEvent[] => {
  const ready = turned(before.conditions, after.conditions, ConditionType.Ready, "True");
  if (ready !== undefined) return [normal(ready.reason, ready.message)];
  const not = turned(before.conditions, after.conditions, ConditionType.Ready, "False");
  return not === undefined ? [] : [warning(not.reason, not.message)];
};

// When the endpoint was asked last is worth a write only together with what it answered.
const keepingProbeTime = (before: ModelStatus, after: ModelStatus): ModelStatus => {
  const { lastProbeTime } = before;
  const told = (status: ModelStatus): string => JSON.stringify([status.conditions, status.observedGeneration]);
  return lastProbeTime !== undefined && told(before) === told(after) ? { ...after, lastProbeTime } : after;
};

/** Creates the reconcile function of Models. */
export const createModelReconcile =
  ({ caches, probes, status, clock }: ModelController): Reconcile =>
  async (key) => {
    const model = caches.models.get(key);
    if (model === undefined || model.metadata.deletionTimestamp !== undefined) return { kind: "done" };
    const before = model.status ?? {};
    const told = { kind: models, object: model, before, structural };
    if (!isTenant(caches, model.metadata.namespace)) {
      // There is no right to write Events elsewhere. It is asked where the namespace becomes a tenant.
      const after = computeElsewhereStatus(model, clock.now());
      const { waitMs } = await status.write({ ...told, after, events: () => [] });
      return noLaterThan({ kind: "done", recheckMs: elsewhereRecheckMs }, waitMs);
    }
    const snapshot = { model, ...(await probes.of(model)), nowMs: clock.now() };
    const after = keepingProbeTime(before, computeModelStatus(snapshot));
    const { waitMs } = await status.write({ ...told, after, events: modelEvents });
    return noLaterThan(modelOutcome(snapshot), waitMs);
  };
