import { assertNever } from "#nervous-system/kernel/outcome.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { agents, missions, type Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { MissionAct, MissionSnapshot } from "#operator/mission/plan.ts";
import { renderAgent } from "#operator/mission/render-agent.ts";
import { renderVerifierPod } from "#operator/mission/render-verifier.ts";
import type { MadeVerifier } from "#operator/mission/status.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import { createOwned } from "#operator/runtime/create-owned.ts";

/** What effects of a Mission need. */
export type MissionActor = {
  client: Pick<KubeClient, "create" | "find" | "patch" | "delete">;
  config: PodConfig;
};

/** Rights that these effects need. */
export const missionActAccess: readonly Access[] = [
  accessTo(agents, ["create"]),
  accessTo(pods, ["get", "create", "delete"]),
  // Owner references that block the owner's deletion ask for this right where that admission plugin is on.
  accessTo(missions, ["update"], "finalizers"),
];

const createVerifier = async (
  actor: MissionActor,
  { mission, gatewayAddress }: MissionSnapshot,
  { attempt, ref, commit, pull }: Extract<MissionAct, { kind: "createVerifier" }>,
): Promise<MadeVerifier> => {
  if (gatewayAddress === undefined) throw new TypeError("a verifier was decided without the gateway's address");
  const draft = renderVerifierPod(actor.config, { mission, attempt, ref, commit, pull, gateway: gatewayAddress });
  const pod = await createOwned(actor.client, pods, draft);
  return { attempt, podName: pod.metadata.name, podUID: pod.metadata.uid, commit };
};

const changeAgent = async (
  { client }: MissionActor,
  { metadata }: Agent,
  spec: Partial<Pick<Agent["spec"], "suspend" | "egress">>,
): Promise<void> => {
  const { name, namespace, uid, resourceVersion } = metadata;
  await client.patch(agents, { name, namespace, uid, resourceVersion }, { spec });
};

/** Carries out one effect, and answers the verifier pod where it made one; repeated it changes nothing. */
export const actOnMission = async (
  actor: MissionActor,
  snapshot: MissionSnapshot,
  act: MissionAct,
): Promise<MadeVerifier | undefined> => {
  const { mission, personas, agentImage } = snapshot;
  const { namespace } = mission.metadata;
  switch (act.kind) {
    case "createAgent":
      await createOwned(
        actor.client,
        agents,
        renderAgent({ mission, personas, member: act.member, image: agentImage }),
      );
      return undefined;
    case "suspendAgent":
      await changeAgent(actor, act.agent, { suspend: act.suspend });
      return undefined;
    case "allowHosts":
      await changeAgent(actor, act.agent, { egress: { allowHosts: [...act.hosts] } });
      return undefined;
    case "createVerifier":
      return createVerifier(actor, snapshot, act);
    case "deleteVerifier":
      await actor.client.delete(pods, { namespace, name: act.pod.name, uid: act.pod.uid });
      return undefined;
    default:
      return assertNever(act);
  }
};
