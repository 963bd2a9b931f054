import { secrets } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { Forge, ForgeAnswer, PullRequest } from "#supervisor/forge/forge.ts";
import { judgeCredential, type Credential } from "#supervisor/publish/admit-proposal.ts";
import type { WatchedRequest } from "#supervisor/watch/watched-requests.ts";

/** What came of a question. */
export type AskedRequest =
  | { readonly kind: "ok"; readonly pullRequest: PullRequest }
  /** Nobody may ask any more: the mission whose credential it was is not there. */
  | { readonly kind: "gone"; readonly message: string }
  /** Not now; `isAway` where the forge or the cluster does not answer, and would answer no other question either. */
  | {
      readonly kind: "later";
      readonly message: string;
      readonly isAway: boolean;
      readonly afterMs?: number | undefined;
    };

/** What forges are asked with. */
export type AskTools = {
  readonly client: Pick<KubeClient, "find">;
  openForge(credential: Credential): Promise<ForgeAnswer<Forge>>;
};

const later = (message: string, isAway: boolean, afterMs?: number): AskedRequest => ({
  kind: "later",
  message,
  isAway,
  ...(afterMs === undefined ? {} : { afterMs }),
});

const notOk = (answer: Exclude<ForgeAnswer<never>, { kind: "ok" }>): AskedRequest =>
  answer.kind === "retry" ? later(answer.message, true, answer.afterMs) : later(answer.message, false);

const ask = async ({ client, openForge }: AskTools, { answered, end }: WatchedRequest): Promise<AskedRequest> => {
  const { namespace, mission: name, mission_uid: uid } = answered.envelope;
  const mission = await client.find(missions, { namespace, name });
  if (mission?.metadata.uid !== uid || mission.metadata.deletionTimestamp !== undefined)
    return { kind: "gone", message: `Mission "${name}" (${uid}) does not exist any more` };
  const secretName = mission.spec.workspace.secretRef?.name;
  const secret = secretName === undefined ? undefined : await client.find(secrets, { namespace, name: secretName });
  const credential = judgeCredential(mission, secret);
  if (credential.kind !== "ok") return later(credential.message, false);
  const forge = await openForge(credential.value);
  if (forge.kind !== "ok") return notOk(forge);
  const read = await forge.value.readPullRequest(end.value.pullRequest.number);
  return read.kind === "ok" ? { kind: "ok", pullRequest: read.value } : notOk(read);
};

/** Asks the forge what has become of a pull request, with the credential that its mission has now. It does not reject. */
export const askRequest = async (tools: AskTools, request: WatchedRequest): Promise<AskedRequest> => {
  try {
    return await ask(tools, request);
  } catch (error) {
    return later(error instanceof Error ? error.message : String(error), true);
  }
};
