import type { Clock } from "#nervous-system/kernel/clock.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { controllerReference, keyOf } from "#nervous-system/kubernetes/resource-kind.ts";
import { interventions, type Intervention } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import type { InterventionStatus } from "#nervous-system/schemas/resources/intervention.ts";
import type { Caches } from "#operator/caches.ts";
import type { FrameView } from "#operator/frames/view.ts";
import { unanswered } from "#operator/intervention/apply.ts";
import { decideIntervention, type InterventionPlan, type InterventionSnapshot } from "#operator/intervention/decide.ts";
import { interventionEventId, renderIntervention } from "#operator/intervention/frame.ts";
import { computeInterventionStatus, interventionEvents } from "#operator/intervention/status.ts";
import type { Reconcile } from "#operator/runtime/controller.ts";
import { noLaterThan, type StatusWriter } from "#operator/status/writer.ts";
import { isTenant } from "#operator/tenant.ts";

/** What the Intervention controller is made of. */
export type InterventionController = {
  caches: Caches;
  frames: FrameView;
  client: Pick<KubeClient, "patch">;
  record: Pick<ComponentRecorder, "write">;
  status: StatusWriter;
  clock: Pick<Clock, "now">;
};

/** Rights that the controller needs in each tenant's namespace: an act is given to its mission. */
export const interventionAccess: readonly Access[] = [accessTo(interventions, ["patch"])];

/** Rights that it needs in the whole cluster: an act elsewhere is told that nobody takes it. */
export const interventionClusterAccess: readonly Access[] = [accessTo(interventions, ["patch"], "status")];

const structural: readonly (keyof InterventionStatus)[] = ["appliedSeq"];

const observe = (
  { caches, frames, clock }: InterventionController,
  intervention: Intervention,
): InterventionSnapshot => {
  const { namespace } = intervention.metadata;
  const mission = caches.missions.get(keyOf({ namespace, name: intervention.spec.missionRef.name }));
  const fold = mission && frames.mission(mission.metadata.uid);
  return {
    intervention,
    isTenant: isTenant(caches, namespace),
    mission,
    next: mission && unanswered(caches, mission)[0],
    record: frames.health(),
    place: fold?.interventions[interventionEventId(intervention)],
    nowMs: clock.now(),
  };
};

const act = async (
  { client, record }: InterventionController,
  { intervention }: InterventionSnapshot,
  { act: wanted }: InterventionPlan,
): Promise<void> => {
  if (wanted === undefined) return;
  const { name, namespace, uid, resourceVersion } = intervention.metadata;
  if (wanted.kind === "record") await record.write(renderIntervention(intervention, wanted.mission));
  else
    await client.patch(
      interventions,
      { name, namespace, uid, resourceVersion },
      { metadata: { ownerReferences: [controllerReference(wanted.mission)] } },
    );
};

/** Creates the reconcile function of Interventions. */
export const createInterventionReconcile =
  (controller: InterventionController): Reconcile =>
  async (key) => {
    const intervention = controller.caches.interventions.get(key);
    if (intervention === undefined || intervention.metadata.deletionTimestamp !== undefined) return { kind: "done" };
    const snapshot = observe(controller, intervention);
    const plan = decideIntervention(snapshot);
    await act(controller, snapshot, plan);
    const after = computeInterventionStatus(snapshot, plan);
    if (after === undefined) return plan.outcome;
    const { waitMs } = await controller.status.write({
      kind: interventions,
      object: intervention,
      before: intervention.status ?? {},
      after,
      structural,
      events: snapshot.isTenant ? interventionEvents : () => [],
    });
    return noLaterThan(plan.outcome, waitMs);
  };
