import type { ObjectMeta } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import {
  missionDefinition,
  type MissionSpecInput,
  type MissionStatus,
} from "#nervous-system/schemas/resources/mission.ts";
import { aMetadata } from "#test/builders/metadata.ts";

/** Digest that stands in builders for every image. */
export const someDigest = `sha256:${"ab".repeat(32)}`;

/** What a person writes to have a bug fixed. */
export const aMissionSpec = (spec: Partial<MissionSpecInput> = {}): MissionSpecInput => ({
  goal: "Make the failing test pass.",
  workspace: { repo: "https://forge.example.org/team/calculator.git" },
  strategy: "Solo",
  team: [{ name: "coder", role: "Coder", modelRef: { name: "scripted" } }],
  ...spec,
});

/** A Mission named `fix-bug` with the schema's own defaults. */
export const aMission = (
  given: { spec?: Partial<MissionSpecInput>; status?: MissionStatus; metadata?: Partial<ObjectMeta> } = {},
): Mission => ({
  apiVersion: groupVersion,
  kind: "Mission",
  metadata: aMetadata("Mission", given.metadata?.name ?? "fix-bug", given.metadata),
  spec: missionDefinition.spec.parse(aMissionSpec(given.spec)),
  ...(given.status === undefined ? {} : { status: missionDefinition.status.parse(given.status) }),
});
