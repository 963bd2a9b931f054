import { controllerReference, type Draft } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Agent, Mission, Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { label, observeFinalizer } from "#nervous-system/schemas/names.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { agentName } from "#operator/pod/names.ts";

const maxTitle = 256;

const titleOf = (goal: string): string => {
  const line = goal.trim().split(/\r?\n/, 1)[0] ?? "";
  return (line === "" ? "The mission's goal" : line).slice(0, maxTitle);
};

/** What an Agent is rendered from. */
type AgentInput = {
  readonly mission: Mission;
  /** Name of the member of its team. */
  readonly member: string;
  /** Personas that the team names, by name. */
  readonly personas: ReadonlyMap<string, Persona>;
  /** Image of members that name none. */
  readonly image: string;
};

// The text itself: what the Persona says later is not what the mission was admitted with, and each attempt is told it.
const personaOf = (name: string, personas: AgentInput["personas"]): NonNullable<Agent["spec"]["persona"]> => {
  const persona = personas.get(name);
  if (persona === undefined) throw new TypeError(`an Agent was decided without Persona "${name}", which it works as`);
  return { name, systemPrompt: persona.spec.systemPrompt };
};

/** The Agent of one member of the team; with one member the task is the goal itself. */
export const renderAgent = ({ mission, member, personas, image }: AgentInput): Draft<Agent> => {
  const wanted = mission.spec.team.find(({ name }) => name === member);
  if (wanted === undefined) throw new TypeError(`mission "${mission.metadata.name}" has no member "${member}"`);
  const { goal, recording, egress } = mission.spec;
  const { personaRef } = wanted;
  return {
    apiVersion: groupVersion,
    kind: "Agent",
    metadata: {
      name: agentName(mission.metadata.name, member),
      namespace: mission.metadata.namespace,
      labels: { [label.mission]: mission.metadata.name, [label.missionUid]: mission.metadata.uid },
      finalizers: [observeFinalizer],
      ownerReferences: [controllerReference(mission)],
    },
    spec: {
      missionRef: { name: mission.metadata.name },
      role: wanted.role,
      task: { id: member, title: titleOf(goal), text: goal },
      modelRef: wanted.modelRef,
      image: wanted.image ?? image,
      ...(wanted.runtime === undefined ? {} : { runtime: wanted.runtime }),
      ...(personaRef === undefined ? {} : { persona: personaOf(personaRef.name, personas) }),
      // As it was admitted: what the mission says later may not be RE2.
      ...(recording?.redact === undefined ? {} : { recording: { redact: recording.redact } }),
      ...(egress === undefined ? {} : { egress }),
      suspend: false,
    },
  };
};
