import { readFile } from "node:fs/promises";
import { describe, expect, it, jest } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import type { ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions, personas, type Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { findCondition } from "#nervous-system/schemas/conditions.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { aMissionSpec } from "#test/builders/mission.ts";
import { endedStatus, runningStatus } from "#test/builders/pod-status.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { wholeLife } from "#test/integration/operator/kubelet.ts";
import { missionStage } from "#test/integration/operator/mission-stage.ts";

jest.setTimeout(120_000);

const stage = missionStage();
const { agent, eventsOf, mission, missionIs, modelIsReady, operate, submit } = stage;
const name = "reviewer";
const doubts = "You doubt what you read.";

const ref = () => ({ namespace: stage.namespace, name });
const create = (systemPrompt: string, dryRun = false): Promise<Persona> =>
  stage.world.admin.create(
    personas,
    { apiVersion: groupVersion, kind: "Persona", metadata: ref(), spec: { systemPrompt } },
    { dryRun },
  );
const change = async (systemPrompt: string): Promise<void> => {
  const { uid, resourceVersion } = (await stage.world.admin.get(personas, ref())).metadata;
  await stage.world.admin.patch(personas, { ...ref(), uid, resourceVersion }, { spec: { systemPrompt } });
};

const submitReviewed = () => {
  const [coder] = aMissionSpec().team;
  return submit({ team: [{ ...coder!, personaRef: { name } }] });
};
const missionSays = (reason: string, words: RegExp): Promise<void> =>
  eventually(`the mission says ${reason}`, async () => {
    const told = findCondition((await mission())?.status?.conditions, "Stalled");
    return told?.reason === reason && words.test(told.message);
  });
const agentSays = (reason: string): Promise<void> =>
  eventually(
    `the agent says ${reason}`,
    async () => findCondition((await agent())?.status?.conditions, "PersonaCurrent")?.reason === reason,
  );

/** What the agent's container of an attempt is told. */
const promptOf = async (pod: string): Promise<string | undefined> => {
  const { spec } = await stage.world.admin.get(pods, { namespace: stage.namespace, name: pod });
  return spec?.containers[0]?.env?.find((one) => one.name === "ENCHANTED_SYSTEM_PROMPT")?.value;
};

describe("a mission that names a Persona", () => {
  it("waits until it is there, and each attempt is told what it said then, whatever becomes of it", async () => {
    stage.kubelet.script(/-1$/, runningStatus());
    stage.kubelet.script(/-2$/, ...wholeLife());
    operate();
    await modelIsReady();
    await submitReviewed();
    await missionSays("PersonaNotFound", /^Persona "reviewer" does not exist in namespace ".+"; create it/);
    await create(doubts);
    await agentSays("Resolved");
    expect((await agent())?.status?.personaDigest).toBe(personaDigestOf(doubts));
    await change("You trust what you read.");
    await agentSays("PersonaChanged");
    await eventually("the agent runs", async () => (await agent())?.status?.phase === "Running");
    await stage.kubelet.report("fix-bug-coder-1", endedStatus({ exitCode: 1 }));
    await missionIs("Complete");
    expect(await promptOf("fix-bug-coder-2")).toBe(doubts);
    expect((await agent())?.status?.personaDigest).toBe(personaDigestOf(doubts));
  });

  it("waits while the Persona holds a secret, which its status tells without the secret, and goes on once it is out", async () => {
    const secret = ["ghp", "0123456789abcdefghijABCDEFGHIJ012345"].join("_");
    stage.kubelet.script(/-1$/, ...wholeLife());
    operate();
    await modelIsReady();
    await create(`Clone with ${secret}.`);
    await submitReviewed();
    await missionSays("SecretInPersona", /^Persona "reviewer" cannot be used: .* take it out/);
    const told = async () => (await stage.world.admin.get(personas, ref())).status;
    await eventually(
      "the Persona says so",
      async () => findCondition((await told())?.conditions, "Stalled") !== undefined,
    );
    expect(JSON.stringify([(await told())?.conditions, (await mission())?.status])).not.toContain(secret);
    await change(doubts);
    await missionIs("Complete");
    expect(await told()).toMatchObject({ phase: "Ready", digest: personaDigestOf(doubts) });
    await stage.stopOperators();
    expect(await eventsOf("Persona")).toEqual(["SecretInPersona"]);
  });
});

describe("the API server", () => {
  it.each([
    ["blank", " \n", /systemPrompt/],
    ["of 16385 bytes", "x".repeat(16_385), /systemPrompt/],
    ["of 16384 characters, and more bytes", "é".repeat(16_384), /at most 16384 bytes/],
    ["with a NUL", "a\0b", /NUL/],
  ])("refuses a prompt that is %s", async (_, prompt, words) => {
    await expect(create(prompt, true)).rejects.toThrow(words);
  });

  it("takes a prompt of 16384 bytes, and never another one in an Agent", async () => {
    await create("é".repeat(8_192), true);
    await submit();
    operate();
    await eventually("the agent is there", async () => (await agent()) !== undefined);
    const { uid, resourceVersion, name: of } = (await agent())!.metadata;
    const target = { namespace: stage.namespace, name: of, uid, resourceVersion };
    const persona = { name, systemPrompt: doubts };
    await expect(stage.world.admin.patch(agents, target, { spec: { persona } })).rejects.toThrow(
      /persona is immutable/,
    );
  });

  it("takes the sample", async () => {
    const documents = parseAllDocuments(await readFile("manifests/samples/reviewer.yaml", "utf8"));
    const kinds: Record<string, ResourceKind> = { Persona: personas, Mission: missions };
    for (const document of documents) {
      const object = document.toJS() as Persona;
      const { namespace } = stage;
      const taken = await stage.world.admin.create(
        kinds[object.kind]!,
        { ...object, metadata: { ...object.metadata, namespace } },
        { dryRun: true },
      );
      expect(taken.kind).toBe(object.kind);
    }
  });
});
