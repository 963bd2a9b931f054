import type { Clock } from "#nervous-system/kernel/clock.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { personas } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType } from "#nervous-system/schemas/conditions.ts";
import type { PersonaStatus } from "#nervous-system/schemas/resources/persona.ts";
import type { Caches } from "#operator/caches.ts";
import { computePersonaStatus } from "#operator/persona/status.ts";
import type { Reconcile } from "#operator/runtime/controller.ts";
import { turned, warning, type StatusEvent } from "#operator/status/events.ts";
import { noLaterThan, type StatusWriter } from "#operator/status/writer.ts";
import { isTenant } from "#operator/tenant.ts";

/** What the Persona controller is made of. */
export type PersonaController = {
  caches: Pick<Caches, "personas" | "pods">;
  status: StatusWriter;
  clock: Pick<Clock, "now">;
};

/** Rights that the controller needs in the whole cluster: what a Persona says is judged wherever it is. */
export const personaClusterAccess: readonly Access[] = [accessTo(personas, ["patch"], "status")];

const structural: readonly (keyof PersonaStatus)[] = ["observedGeneration", "digest", "lastHandledReconcileAt"];

const personaEvents = (before: PersonaStatus, after: PersonaStatus): StatusEvent[] => {
  const not = turned(before.conditions, after.conditions, ConditionType.Ready, "False");
  return not === undefined ? [] : [warning(not.reason, not.message)];
};

/** Creates the reconcile function of Personas. */
export const createPersonaReconcile =
  ({ caches, status, clock }: PersonaController): Reconcile =>
  async (key) => {
    const persona = caches.personas.get(key);
    if (persona === undefined || persona.metadata.deletionTimestamp !== undefined) return { kind: "done" };
    const { waitMs } = await status.write({
      kind: personas,
      object: persona,
      before: persona.status ?? {},
      after: computePersonaStatus(persona, clock.now()),
      structural,
      // There is no right to write any elsewhere.
      events: isTenant(caches, persona.metadata.namespace) ? personaEvents : () => [],
    });
    return noLaterThan({ kind: "done" }, waitMs);
  };
