import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";

type End = { readonly type: string; readonly reason: string; readonly message: string; readonly evidence?: string };

/** A mission with a true condition of `type` and an outcome, whose criteria were run on a commit of `ab`s. */
export const endedMission = (
  { type, ...outcome }: End,
  { uid = "22222222-2222-4222-8222-222222222222", name = "fix-bug" }: { uid?: string; name?: string } = {},
): Mission =>
  ({
    metadata: { name, namespace: "default", uid },
    spec: {},
    status: {
      conditions: [{ type, status: "True", reason: outcome.reason, message: outcome.message }],
      verification: { attempt: 1, podName: "fix-bug-verify-1", commit: "ab".repeat(20) },
      outcome,
    },
  }) as unknown as Mission;
