import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { controllerReference, type Draft } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { label } from "#nervous-system/schemas/names.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import { fetchContainer, fetchVolumes } from "#operator/pod/fetch.ts";
import { verifierPodName } from "#operator/pod/names.ts";
import {
  commonSpec,
  containerSecurity,
  emptyDir,
  environment,
  mount,
  mountReadOnly,
  type Container,
} from "#operator/pod/parts.ts";

/** What a verifier pod is rendered from. */
export type VerifierInput = {
  mission: Mission;
  attempt: number;
  /** What was published: branch, and the commit at its head. */
  ref: string;
  commit: string;
  gateway: string;
};

const verifierUser = 65532;
const graceSeconds = 30;

const identityOf = ({ mission, attempt }: VerifierInput): Record<string, string> => ({
  ENCHANTED_NAMESPACE: mission.metadata.namespace ?? "",
  ENCHANTED_MISSION: mission.metadata.name,
  ENCHANTED_MISSION_UID: mission.metadata.uid,
  ENCHANTED_ATTEMPT: String(attempt),
  ENCHANTED_LINEAGE: "0",
});

const verifyContainer = (config: PodConfig, input: VerifierInput): Container => ({
  name: "verify",
  image: config.agentImage,
  command: ["/enchanted/bin/node", "/enchanted/bin/verify.js"],
  env: environment({
    ...identityOf(input),
    ENCHANTED_REPO: input.mission.spec.workspace.repo,
    ENCHANTED_REF: input.ref,
    ENCHANTED_BASE_COMMIT: input.commit,
    ENCHANTED_CRITERIA: JSON.stringify(input.mission.spec.successCriteria.map(({ command }) => command)),
    HOME: "/tmp",
  }),
  resources: config.agentResources,
  securityContext: containerSecurity(verifierUser),
  volumeMounts: [
    mount("workspace", "/workspace"),
    mountReadOnly("fetch", "/enchanted/fetch"),
    mountReadOnly("bin", "/enchanted/bin"),
    mount("tmp", "/tmp"),
  ],
});

/** The pod that runs the success criteria on what was published; its exit code decides. */
export const renderVerifierPod = (config: PodConfig, input: VerifierInput): Draft<Pod> => {
  const { mission, attempt } = input;
  const { repo, secretRef } = mission.spec.workspace;
  const source = { repo, ref: input.ref, commit: input.commit, secret: secretRef?.name };
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
      ownerReferences: [controllerReference(mission)],
    },
    spec: {
      ...commonSpec({ gateway: input.gateway }, graceSeconds),
      activeDeadlineSeconds: Math.ceil(config.verifyMs / 1000),
      initContainers: [fetchContainer(config, source, identityOf(input))],
      containers: [verifyContainer(config, input)],
      volumes: [
        ...fetchVolumes(config, source),
        emptyDir("workspace", config.workspaceSize),
        emptyDir("tmp", config.workspaceSize),
      ],
    },
  };
};
