import type { ObjectMeta } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Intervention } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import {
  interventionDefinition,
  type InterventionSpec,
  type InterventionStatus,
} from "#nervous-system/schemas/resources/intervention.ts";
import { aMetadata } from "#test/builders/metadata.ts";

/** What Ann does to the mission `fix-bug`: she pauses it. */
export const anIntervention = (
  given: { spec?: Partial<InterventionSpec>; status?: InterventionStatus; metadata?: Partial<ObjectMeta> } = {},
): Intervention => ({
  apiVersion: groupVersion,
  kind: "Intervention",
  metadata: aMetadata("Intervention", given.metadata?.name ?? "pause-1", given.metadata),
  spec: interventionDefinition.spec.parse({
    missionRef: { name: "fix-bug" },
    kind: "Pause",
    requestedBy: "ann",
    ...given.spec,
  }),
  ...(given.status === undefined ? {} : { status: interventionDefinition.status.parse(given.status) }),
});
