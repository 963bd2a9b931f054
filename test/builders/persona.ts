import type { ObjectMeta } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { personaDefinition, type PersonaSpec, type PersonaStatus } from "#nervous-system/schemas/resources/persona.ts";
import { aMetadata } from "#test/builders/metadata.ts";

/** The Persona `reviewer`. */
export const aPersona = (
  given: { spec?: Partial<PersonaSpec>; status?: PersonaStatus; metadata?: Partial<ObjectMeta> } = {},
): Persona => ({
  apiVersion: groupVersion,
  kind: "Persona",
  metadata: aMetadata("Persona", given.metadata?.name ?? "reviewer", given.metadata),
  spec: personaDefinition.spec.parse({ systemPrompt: "You doubt what you read.", ...given.spec }),
  ...(given.status === undefined ? {} : { status: personaDefinition.status.parse(given.status) }),
});
