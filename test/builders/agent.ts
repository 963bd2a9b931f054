import { controllerReference, type ObjectMeta } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { observeFinalizer } from "#nervous-system/schemas/names.ts";
import { agentDefinition, type AgentSpecInput, type AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { aMetadata } from "#test/builders/metadata.ts";
import { aMission, someDigest } from "#test/builders/mission.ts";

/** What the operator writes for the coder of `fix-bug`. */
export const anAgentSpec = (spec: Partial<AgentSpecInput> = {}): AgentSpecInput => ({
  missionRef: { name: "fix-bug" },
  role: "Coder",
  task: { id: "coder", title: "Fix the bug", text: "Make the failing test pass." },
  modelRef: { name: "scripted" },
  image: `registry.example.org/cortex@${someDigest}`,
  ...spec,
});

/** The Agent `fix-bug-coder`, owned by the mission `fix-bug`. */
export const anAgent = (
  given: { spec?: Partial<AgentSpecInput>; status?: AgentStatus; metadata?: Partial<ObjectMeta> } = {},
): Agent => ({
  apiVersion: groupVersion,
  kind: "Agent",
  metadata: aMetadata("Agent", given.metadata?.name ?? "fix-bug-coder", {
    finalizers: [observeFinalizer],
    ownerReferences: [controllerReference(aMission())],
    ...given.metadata,
  }),
  spec: agentDefinition.spec.parse(anAgentSpec(given.spec)),
  ...(given.status === undefined ? {} : { status: agentDefinition.status.parse(given.status) }),
});
