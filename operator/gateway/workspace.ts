import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { CheckAnswer, GatewayCheck } from "#operator/gateway/check.ts";

/** Why nothing that uses the workspace may be made: `stalled` where a person must act. */
type WorkspaceBlocked = { reason: string; message: string; stalled: boolean };

/**
 * Asks whether the mission's Secret may be used, or its namespace runs missions where it names none. It is asked each time that a
 * pod is about to be made of it: label and annotation are how a person takes a Secret back.
 */
export const askWorkspace = (check: GatewayCheck, { metadata, spec }: Mission): Promise<CheckAnswer> => {
  const { namespace = "" } = metadata;
  const { secretRef, repo } = spec.workspace;
  return secretRef === undefined
    ? check({ kind: "Tenant", namespace })
    : check({ kind: "GitSecret", namespace, name: secretRef.name, repo });
};

const questionOf = ({ metadata, spec }: Mission): string =>
  spec.workspace.secretRef === undefined
    ? `namespace "${metadata.namespace ?? ""}" runs missions`
    : `Secret "${spec.workspace.secretRef.name}" may be used`;

/** What the answer means for whoever is about to make a pod; what was not asked is not known. */
export const judgeWorkspace = (mission: Mission, answer: CheckAnswer | undefined): WorkspaceBlocked | undefined => {
  if (answer?.kind === "answered")
    return answer.ok ? undefined : { stalled: true, reason: answer.reason, message: answer.message };
  return {
    stalled: false,
    reason: Reason.CheckUnavailable,
    message: `Whether ${questionOf(mission)} is not known: ${answer?.message ?? "the gateway was not asked"}`,
  };
};
