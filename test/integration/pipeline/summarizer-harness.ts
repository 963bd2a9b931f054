import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { createAccount, createMission, createPod, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import type { TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { chainBuilder, type ChainOf } from "./chain-builder.ts";
import { send, startTestAgent, type TestCollector } from "./collector-harness.ts";

const podName = "enchanted-summarizer-0";

/** The summarizer's own variables, with the token of a pod of its account and a directory for its claim. */
export const summarizerEnvironment = async (test: TestPlane, collector: TestCollector, root: string) => {
  const { releaseNamespace } = collector;
  const account = { namespace: releaseNamespace, name: "enchanted-summarizer" };
  await createAccount(test.admin, releaseNamespace, account.name);
  const pod = await createPod(test.admin, releaseNamespace, podName, account.name);
  await writeFile(join(root, "token"), await tokenFor(test.admin, account, "enchanted-collector", pod));
  return {
    ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
    ENCHANTED_POD_NAME: podName,
    ENCHANTED_CA_FILE: collector.caFile,
    ENCHANTED_COLLECTOR: `127.0.0.1:${collector.collector.port}`,
    ENCHANTED_TOKEN_FILE: join(root, "token"),
    ENCHANTED_WAL_DIR: join(root, "wal"),
  };
};

/** Sends a mission whose agent begins, fails, decides, changes a file and ends; answers its uid. */
export const tellMission = async (
  test: TestPlane,
  collector: TestCollector,
  namespace: string,
  name: string,
): Promise<string> => {
  const mission = await createMission(test.admin, { namespace, name });
  const agent = await startTestAgent(test, collector, { namespace, mission }, `${name}-coder`);
  const of: ChainOf = {
    agent_uid: agent.agent.metadata.uid,
    mission_uid: mission.metadata.uid,
    mission: name,
    namespace,
  };
  const chain = chainBuilder(of);
  const say = (event_type: string, payload: object, producer: Envelope["producer"] = "agent") => {
    of.producer = producer;
    return chain.next({ event_type, payload });
  };
  await send(agent.client, [
    say("LIFECYCLE", { phase: "Started", attempt: 1, task: `Pollers of ${name} starve.` }, "scribe"),
    say("ACTION", { tool: "run_command", result: "AssertionError: 0 !== 1", ok: false, duration_ms: 1 }),
    say("DECISION_RATIONALE", { reasoning: "Rounding loses the started interval." }),
    say("STATE_CHANGE", { file_modified: `src/${name}.js` }),
    say("LIFECYCLE", { phase: "Stopped", attempt: 1 }, "scribe"),
  ]);
  return mission.metadata.uid;
};
