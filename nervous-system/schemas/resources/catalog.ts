import { agentDefinition } from "#nervous-system/schemas/resources/agent.ts";
import type { ResourceDefinition } from "#nervous-system/schemas/resources/define-resource.ts";
import { interventionDefinition } from "#nervous-system/schemas/resources/intervention.ts";
import { missionDefinition } from "#nervous-system/schemas/resources/mission.ts";
import { modelDefinition } from "#nervous-system/schemas/resources/model.ts";
import { personaDefinition } from "#nervous-system/schemas/resources/persona.ts";

/** Every custom resource. A new one is a file beside this, a line here, and a controller. */
export const resources: readonly ResourceDefinition[] = [
  missionDefinition,
  agentDefinition,
  modelDefinition,
  personaDefinition,
  interventionDefinition,
];
