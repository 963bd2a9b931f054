import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { namespaces, pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import { isInvalid } from "#nervous-system/kubernetes/errors.ts";
import { collectionPath, type Draft } from "#nervous-system/kubernetes/resource-kind.ts";
import { renderAgentPod } from "#operator/agent/render.ts";
import { renderVerifierPod } from "#operator/mission/render-verifier.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel } from "#test/builders/model.ts";
import { aPodConfig } from "#test/builders/pod-config.ts";
import { startTestPlane, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";

jest.setTimeout(120_000);

const namespace = "confined";
let test: TestPlane;

beforeAll(async () => {
  test = await startTestPlane();
  await test.admin.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: namespace,
      labels: {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
      },
    },
  });
}, 600_000);
afterAll(() => test?.stop(), 60_000);

const workspace = { repo: "https://forge.example.org/team/calculator.git", secretRef: { name: "git" } };
const successCriteria = Array.from({ length: 16 }, () => ({ command: "$".repeat(4000) }));
const mission = aMission({
  spec: { workspace, goal: "g".repeat(16_384), successCriteria },
  metadata: { namespace },
});
const config = aPodConfig({ gitCaPem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" });

const agentPod = (): Draft<Pod> =>
  renderAgentPod(config, {
    agent: anAgent({ metadata: { namespace } }),
    mission,
    model: aModel(),
    attempt: 1,
    addresses: { collector: "10.0.0.1", gateway: "10.0.0.2" },
  });
const verifierPod = (): Draft<Pod> =>
  renderVerifierPod(config, { mission, attempt: 1, ref: "swarm/a/b", commit: "1".repeat(40), gateway: "10.0.0.2" });

/** Judged by the API server as strictly as it can: unknown fields, types, admission. Nothing is stored. */
const judge = (draft: Draft<Pod>): Promise<unknown> =>
  test.admin.request({
    method: "POST",
    path: `${collectionPath(pods, namespace)}?dryRun=All&fieldValidation=Strict`,
    body: { contentType: "application/json", text: JSON.stringify(draft) },
  });

describe("in a namespace of restricted Pod Security", () => {
  it.each([
    ["the pod of an agent", agentPod],
    ["the pod of a verifier", verifierPod],
  ])("the API server takes %s as it is", async (_, render) => {
    await expect(judge(render())).resolves.toMatchObject({ kind: "Pod" });
  });

  it("the same judge refuses a container that may gain privileges, and a field that does not exist", async () => {
    const draft = agentPod();
    const [agent] = draft.spec!.containers;
    const loose = { ...agent!, securityContext: { ...agent!.securityContext, allowPrivilegeEscalation: true } };
    await expect(judge({ ...draft, spec: { ...draft.spec!, containers: [loose] } })).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining("allowPrivilegeEscalation"),
    });
    const misspelt = { ...draft, spec: { ...draft.spec!, automountServiceAccountTokens: false } };
    const refused: unknown = await judge(misspelt).catch((error: unknown) => error);
    expect(isInvalid(refused)).toBe(true);
  });
});
