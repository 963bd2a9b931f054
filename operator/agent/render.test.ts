import { describe, expect, it } from "@jest/globals";
import { snapshotToResume } from "#operator/agent/attempts.ts";
import { graceSecondsOf, renderAgentPod } from "#operator/agent/render.ts";
import type { Runtime } from "#nervous-system/schemas/resources/runtime.ts";
import { anAgent } from "#test/builders/agent.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { aMission } from "#test/builders/mission.ts";
import { aModel } from "#test/builders/model.ts";
import { someHash } from "#test/builders/pod-status.ts";
import { aPodConfig } from "#test/builders/pod-config.ts";

const pod = (mission = aMission(), agent = anAgent(), attempt = 1) =>
  renderAgentPod(aPodConfig(), {
    agent,
    mission,
    model: aModel(),
    attempt,
    addresses: { collector: "10.0.0.1", gateway: "10.0.0.2" },
  });

const containers = (rendered = pod()) => [
  ...(rendered.spec?.initContainers ?? []),
  ...(rendered.spec?.containers ?? []),
];

const envOf = (name: string, rendered = pod()): Record<string, string | undefined> =>
  Object.fromEntries((containers(rendered).find((c) => c.name === name)?.env ?? []).map((e) => [e.name, e.value]));

describe("renderAgentPod", () => {
  it("gives each container its own user, no privilege, and a read-only root", () => {
    expect(containers().map((c) => [c.name, c.securityContext?.runAsUser])).toEqual([
      ["fetch", 65534],
      ["ports", 65533],
      ["scribe", 65533],
      ["agent", 65532],
    ]);
    for (const { securityContext } of containers())
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ["ALL"] },
      });
  });

  it("bounds every container", () => {
    for (const { resources } of containers()) {
      expect(Object.keys(resources?.requests ?? {})).toEqual(["cpu", "memory"]);
      expect(Object.keys(resources?.limits ?? {})).toEqual(["cpu", "memory"]);
    }
    const scribe = containers().find(({ name }) => name === "scribe")?.resources;
    expect(scribe?.requests).toEqual({ cpu: "10m", memory: "96Mi" });
    expect(scribe?.limits?.["memory"]).toBe("160Mi");
  });

  it("holds every port of the scribe, from before it starts until it has ended, by a sidecar that nobody reaches", () => {
    const { initContainers = [] } = pod().spec!;
    expect(initContainers.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([
      ["fetch", undefined],
      ["ports", "Always"],
      ["scribe", "Always"],
    ]);
    const ports = initContainers.find(({ name }) => name === "ports");
    expect(ports?.command?.slice(2)).toEqual(["4317", "4318", "4320", "4321", "4322", "4323"]);
    expect([ports?.env, ports?.volumeMounts, ports?.ports]).toEqual([undefined, undefined, undefined]);
    expect(envOf("scribe")["ENCHANTED_PORTS_HELD"]).toBe("true");
  });

  it("shows where the scribe's metrics are, away from the ports that programs use", () => {
    const scribe = containers().find(({ name }) => name === "scribe");
    expect(scribe?.ports).toEqual([{ name: "metrics", containerPort: 4322, protocol: "TCP" }]);
    expect(envOf("scribe")["ENCHANTED_METRICS_PORT"]).toBe("4322");
  });

  it("tells the agent what the mission lets it publish, so that it hears in time what will be refused", () => {
    expect(envOf("agent")["ENCHANTED_POLICY"]).toBeUndefined();
    const policy = { allowedPaths: ["src"], deniedPaths: [], maxChangedFiles: 20, rejectSecrets: true };
    const mission = aMission({ spec: { workspace: { repo: "https://git.example.org/a/b.git", policy } } });
    expect(JSON.parse(envOf("agent", pod(mission))["ENCHANTED_POLICY"] ?? "")).toEqual(policy);
  });

  it("runs the cortex of the image, or whatever program the agent is by the runner that fetch brings", () => {
    const commandOf = (runtime?: Runtime): unknown => {
      const given = anAgent();
      const rendered = pod(aMission(), { ...given, spec: { ...given.spec, ...(runtime && { runtime }) } });
      const { command } = containers(rendered).find(({ name }) => name === "agent") ?? {};
      return [command?.slice(3), envOf("agent", rendered)["ENCHANTED_RUNTIME"]];
    };
    const cortex = [["node", "/opt/cortex/main.js"], undefined];
    expect(commandOf()).toEqual(cortex);
    expect(commandOf({ kind: "Cortex" })).toEqual(cortex);
    const custom: Runtime = { kind: "Custom", command: ["sh", "-c", "echo $HOME"], args: ["{task}"] };
    expect(commandOf(custom)).toEqual([
      ["/enchanted/bin/node", "/enchanted/bin/runtime.js"],
      // `$` is doubled for the kubelet.
      JSON.stringify(custom).replace("$", "$$$$"),
    ]);
  });

  it("tells fetch which port of the collector it must reach, and which it must not", () => {
    expect(envOf("fetch")).toMatchObject({
      ENCHANTED_COLLECTOR: "enchanted-collector:4317",
      ENCHANTED_UNREACHABLE: "enchanted-collector:4318",
    });
  });

  it("tells scribe and wrapper the proxy port, and fetch none", () => {
    expect(envOf("scribe")["ENCHANTED_PROXY_PORT"]).toBe("4323");
    expect(envOf("agent")["ENCHANTED_PROXY_PORT"]).toBe("4323");
    expect(envOf("fetch")).not.toHaveProperty("ENCHANTED_PROXY_PORT");
  });

  it("gives the scribe the rules that the agent was made with", () => {
    const recording = { redact: [{ name: "ticket", pattern: "ACME-[0-9]+$" }] };
    const agent = anAgent();
    const rendered = pod(aMission(), { ...agent, spec: { ...agent.spec, recording } });
    // `$` is doubled for the kubelet.
    expect(envOf("scribe", rendered)["ENCHANTED_REDACT"]).toBe(JSON.stringify(recording.redact).replace("$", "$$$$"));
    expect(envOf("scribe")).not.toHaveProperty("ENCHANTED_REDACT");
  });

  it("gives the agent neither token nor secret, and the socket read-only", () => {
    const mission = aMission({
      spec: { workspace: { repo: "https://forge.example.org/a/b.git", secretRef: { name: "git" } } },
    });
    const agent = containers(pod(mission)).find(({ name }) => name === "agent");
    expect(agent?.volumeMounts?.map(({ name, readOnly }) => `${name}${readOnly === true ? ":ro" : ""}`)).toEqual([
      "sock:ro",
      "workspace",
      "fetch:ro",
      "bin:ro",
      "tmp",
    ]);
    const fetch = containers(pod(mission)).find(({ name }) => name === "fetch");
    expect(fetch?.volumeMounts?.map(({ name }) => name)).toContain("git-secret");
    expect(pod(mission).spec?.automountServiceAccountToken).toBe(false);
  });

  it("passes texts of people untouched by the kubelet's expansion", () => {
    const goal = "Print $(HOME), $HOME and $$.";
    const rendered = pod(aMission({ spec: { goal } }));
    for (const name of ["agent", "scribe"])
      expect(envOf(name, rendered)["ENCHANTED_GOAL"]).toBe("Print $$(HOME), $$HOME and $$$$.");
  });

  it("resumes from the hash and the commit that earlier attempts left", () => {
    const fresh = pod();
    expect(envOf("scribe", fresh)["ENCHANTED_RESUME_HASH"]).toBe("0".repeat(64));
    expect(envOf("fetch", fresh)).not.toHaveProperty("ENCHANTED_BASE_COMMIT");
    const agent = anAgent({
      status: { attempt: 2, baseCommit: "1".repeat(40), ledger: { lastSeq: 3, hash: someHash } },
    });
    const second = pod(aMission(), agent, 2);
    expect(second.metadata.name).toBe("fix-bug-coder-2");
    expect(envOf("scribe", second)).toMatchObject({ ENCHANTED_RESUME_HASH: someHash, ENCHANTED_ATTEMPT: "2" });
    expect(envOf("agent", second)["ENCHANTED_BASE_COMMIT"]).toBe("1".repeat(40));
  });

  const kept = { epoch: 1, seq: 9, manifest: `sha256:${"a".repeat(64)}` };
  const ended = { attempt: 1, reason: "PodDeleted", disruption: true };
  it.each([
    ["the cluster ended the attempt that kept it", kept, [ended], true],
    ["the cluster ended a later attempt, too", kept, [ended, { ...ended, attempt: 2 }], true],
    ["the attempt that kept it failed", kept, [{ attempt: 1, reason: "OutOfMemory" }], true],
    ["an attempt that was given it failed", kept, [ended, { attempt: 2, reason: "OutOfMemory" }], false],
    ["the attempt went round in circles", kept, [{ ...ended, agentReason: "RepeatedActions" }], false],
    [
      "it was given up before, and the cluster ended the attempt that began anew",
      kept,
      [
        { ...ended, agentReason: "RepeatedActions" },
        { ...ended, attempt: 2 },
      ],
      false,
    ],
    [
      "who was given it failed, and who was not was ended by the cluster",
      kept,
      [ended, { attempt: 2, reason: "OutOfMemory" }, { ...ended, attempt: 3 }],
      false,
    ],
    ["nothing was kept", undefined, [ended], false],
    ["no attempt has ended", kept, [], false],
  ])("goes on from a snapshot or not, where %s", (_case, snapshot, history, isResumed) => {
    const agent = anAgent({ status: { attempt: 3, history, ...(snapshot === undefined ? {} : { snapshot }) } });
    expect(snapshotToResume({ agent, fold: undefined })).toBe(isResumed ? kept.manifest : undefined);
  });

  it("tells the agent which snapshot it goes on from, and nothing where it begins anew", () => {
    expect(envOf("agent", pod())).not.toHaveProperty("ENCHANTED_RESUME_SNAPSHOT");
    const input = { agent: anAgent(), mission: aMission(), model: aModel(), attempt: 2 };
    const addresses = { collector: "10.0.0.1", gateway: "10.0.0.2" };
    const resumed = renderAgentPod(aPodConfig(), { ...input, addresses, resumeFrom: kept.manifest });
    expect(envOf("agent", resumed)["ENCHANTED_RESUME_SNAPSHOT"]).toBe(kept.manifest);
  });

  it("tells the agent who it is, and the scribe under which name that is recorded", () => {
    for (const name of ["agent", "scribe"]) expect(envOf(name, pod())).not.toHaveProperty("ENCHANTED_PERSONA");
    const persona = { name: "reviewer", systemPrompt: "You doubt $(HOME)." };
    const rendered = pod(aMission(), anAgent({ spec: { persona } }));
    expect(envOf("agent", rendered)).toMatchObject({
      ENCHANTED_PERSONA: "reviewer",
      ENCHANTED_SYSTEM_PROMPT: "You doubt $$(HOME).",
    });
    expect(envOf("scribe", rendered)).toMatchObject({
      ENCHANTED_PERSONA: "reviewer",
      ENCHANTED_PERSONA_DIGEST: personaDigestOf(persona.systemPrompt),
    });
    expect(envOf("scribe", rendered)).not.toHaveProperty("ENCHANTED_SYSTEM_PROMPT");
  });

  it("leaves agent, scribe and kubelet their time at the end", () => {
    expect(graceSecondsOf({ stopMs: 10_000, drainMs: 30_000 })).toBe(45);
    expect(pod().spec?.terminationGracePeriodSeconds).toBe(45);
  });

  it("may be ended by autoscalers, which take pods with local volumes for fixed, unless the mission avoids it", () => {
    const told = (disruption: "Allow" | "Avoid") => pod(aMission({ spec: { template: { disruption } } })).metadata;
    const safeToEvict = "cluster-autoscaler.kubernetes.io/safe-to-evict";
    expect(pod().metadata.annotations).toEqual({ [safeToEvict]: "true" });
    expect(told("Allow").annotations).toEqual({ [safeToEvict]: "true" });
    expect(told("Avoid").annotations).toEqual({ [safeToEvict]: "false", "karpenter.sh/do-not-disrupt": "true" });
  });

  it("gives the agent alone what the mission says that it may use", () => {
    const resources = { limits: { cpu: "3", memory: "5Gi" } };
    const own = pod(aMission({ spec: { template: { pod: { resources } } } }));
    const limitsOf = (rendered: ReturnType<typeof pod>) =>
      Object.fromEntries(containers(rendered).map((container) => [container.name, container.resources]));
    expect(limitsOf(own)).toEqual({ ...limitsOf(pod()), agent: resources });
  });

  it("belongs to its Agent, is held for observation, and is labelled for the network", () => {
    const { metadata } = pod();
    expect(metadata.ownerReferences).toMatchObject([{ kind: "Agent", controller: true, blockOwnerDeletion: true }]);
    expect(metadata.finalizers).toEqual(["swarm.enchanted.dev/observe"]);
    expect(metadata.labels).toMatchObject({
      "swarm.enchanted.dev/mission": "fix-bug",
      "swarm.enchanted.dev/agent": "fix-bug-coder",
      "swarm.enchanted.dev/attempt": "1",
      "swarm.enchanted.dev/confined": "true",
    });
  });
});
