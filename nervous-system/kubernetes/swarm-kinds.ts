import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agentDefinition, type AgentSpec, type AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { apiGroup, apiVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import {
  interventionDefinition,
  type InterventionSpec,
  type InterventionStatus,
} from "#nervous-system/schemas/resources/intervention.ts";
import { missionDefinition, type MissionSpec, type MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { modelDefinition, type ModelSpec, type ModelStatus } from "#nervous-system/schemas/resources/model.ts";
import { personaDefinition, type PersonaSpec, type PersonaStatus } from "#nervous-system/schemas/resources/persona.ts";

/** A Mission as the API server holds it, defaults applied. */
export type Mission = KubeObject & { spec: MissionSpec; status?: MissionStatus };
/** An Agent as the API server holds it, defaults applied. */
export type Agent = KubeObject & { spec: AgentSpec; status?: AgentStatus };
/** A Model as the API server holds it, defaults applied. */
export type Model = KubeObject & { spec: ModelSpec; status?: ModelStatus };
/** A Persona as the API server holds it. */
export type Persona = KubeObject & { spec: PersonaSpec; status?: PersonaStatus };
/** An Intervention as the API server holds it. */
export type Intervention = KubeObject & { spec: InterventionSpec; status?: InterventionStatus };

const ours = (definition: { plural: string; kind: string }): Omit<ResourceKind, "object"> => ({
  group: apiGroup,
  version: apiVersion,
  plural: definition.plural,
  kind: definition.kind,
  namespaced: true,
});

/** Kind of Missions. */
export const missions: ResourceKind<Mission> = ours(missionDefinition);
/** Kind of Agents. */
export const agents: ResourceKind<Agent> = ours(agentDefinition);
/** Kind of Models. */
export const models: ResourceKind<Model> = ours(modelDefinition);
/** Kind of Personas. */
export const personas: ResourceKind<Persona> = ours(personaDefinition);
/** Kind of Interventions. */
export const interventions: ResourceKind<Intervention> = ours(interventionDefinition);
