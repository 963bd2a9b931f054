import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { controllerReference, type Draft } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { label } from "#nervous-system/schemas/names.ts";
import { criterionContainer, criterionVolumes } from "#operator/mission/render-criterion.ts";
import type { VerifierTarget } from "#operator/mission/plan.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import { fetchContainer, fetchVolumes, type Source } from "#operator/pod/fetch.ts";
import { verifierPodName } from "#operator/pod/names.ts";
import { commonSpec } from "#operator/pod/parts.ts";
import { configOf, evictionOf, placementOf } from "#operator/pod/template.ts";

/** What a verifier pod is rendered from. */
export type VerifierInput = VerifierTarget & {
  mission: Mission;
  attempt: number;
  gateway: string;
};

/** Process 1 of a container ignores SIGTERM and has nothing to save; with 0 the API server would forget a pod that still runs. */
const graceSeconds = 1;

const identityOf = ({ mission, attempt }: VerifierInput): Record<string, string> => ({
  ENCHANTED_NAMESPACE: mission.metadata.namespace ?? "",
  ENCHANTED_MISSION: mission.metadata.name,
  ENCHANTED_MISSION_UID: mission.metadata.uid,
  ENCHANTED_ATTEMPT: String(attempt),
  ENCHANTED_LINEAGE: "0",
});

const sourceOf = ({ mission, ref, commit, pull }: VerifierInput): Source => ({
  repo: mission.spec.workspace.repo,
  ref,
  pull,
  commit,
  secret: mission.spec.workspace.secretRef?.name,
});

/**
 * The pod that runs the success criteria on what was published, each in a container of its own. The kubelet starts one after
 * the other and none after one that failed, so nothing that runs inside the pod judges.
 */
export const renderVerifierPod = (defaults: PodConfig, input: VerifierInput): Draft<Pod> => {
  const { mission, attempt } = input;
  const config = configOf(defaults, mission);
  const source = sourceOf(input);
  const criteria = mission.spec.successCriteria.map(({ command }, place) => criterionContainer(config, command, place));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: verifierPodName(mission.metadata.name, attempt),
      namespace: mission.metadata.namespace,
      labels: {
        [label.mission]: mission.metadata.name,
        [label.missionUid]: mission.metadata.uid,
        [label.verifier]: "true",
        [label.attempt]: String(attempt),
        [label.confined]: "true",
      },
      annotations: evictionOf(mission),
      ownerReferences: [controllerReference(mission)],
    },
    spec: {
      ...commonSpec({ gateway: input.gateway }, graceSeconds),
      ...placementOf(mission),
      activeDeadlineSeconds: Math.ceil(config.verifyMs / 1000),
      initContainers: [fetchContainer(config, source, identityOf(input)), ...criteria.slice(0, -1)],
      containers: criteria.slice(-1),
      volumes: [...fetchVolumes(config, source), ...criteria.flatMap((_, place) => criterionVolumes(config, place))],
    },
  };
};
