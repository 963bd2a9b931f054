import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { waitFor } from "#platform/process/wait.ts";
import { cameThrough, isMeant, renderProbes, tryFromInside } from "#test/attack/inside.ts";
import { openCluster, type Kube } from "#test/e2e/kube.ts";
import { cloneBranch, openForge, type Forge } from "#test/e2e/forge.ts";
import { createMissionRunner, releaseNamespace, tenant, type MissionRunner } from "#test/e2e/mission-run.ts";
import { faultsOf, openLedger, type Ledger, type LedgerRow } from "#test/e2e/record.ts";
import { eventsOfTrace } from "#test/e2e/traces.ts";

const sh = promisify(execFile);
const minutes = (n: number): number => n * 60_000;

let kube: Kube;
let ledger: Ledger;
let forge: Forge;
let runner: MissionRunner;
let dir = "";

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "mission-"));
  kube = await openCluster();
  ledger = await openLedger(kube, releaseNamespace);
  forge = await openForge(kube, dir);
  const sample = parse(await readFile("manifests/samples/fix-bug.yaml", "utf8")) as Mission;
  runner = createMissionRunner(kube, sample);
}, minutes(2));

afterAll(async () => {
  await ledger?.[Symbol.asyncDispose]();
  await forge?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const typesOf = (rows: readonly LedgerRow[]): string[] => rows.map((row) => row.event_type);

/** Waits until the ledger holds what the Agent's status says was written, and answers the frames. */
const wholeRecord = async (name: string, missionUid: string): Promise<LedgerRow[]> => {
  const agent = await runner.agentOf(name);
  const uid = agent?.metadata.uid ?? "";
  const last = agent?.status?.ledger?.lastSeq ?? Number.POSITIVE_INFINITY;
  const epoch = agent?.status?.attempt;
  return waitFor(
    `frames 1..${last} of ${name} in the ledger`,
    async () => {
      const rows = await ledger.framesOf(missionUid);
      return rows.filter((row) => row.agent_uid === uid && row.epoch === epoch).length >= last ? rows : undefined;
    },
    { timeoutMs: 30_000, intervalMs: 250 },
  );
};

describe("a mission that fixes a real bug", () => {
  const name = "e2e-fix-bug";
  let mission: Mission;

  beforeAll(async () => {
    await runner.remove(name);
    await runner.start(name, { scenario: "fix-bug" });
    mission = await runner.finished(name);
  }, minutes(5));

  afterAll(() => runner.remove(name), minutes(2));

  it("is complete, with a pull request", () => {
    expect(mission.status?.outcome).toBeDefined();
    expect(isTrue(mission.status?.conditions, "Complete")).toBe(true);
    expect(isTrue(mission.status?.conditions, "Ready")).toBe(true);
    expect(mission.status?.pullRequests).toHaveLength(1);
  });

  it("was judged by the exit code of its criterion's own container", async () => {
    const verifier = await kube.ok(["get", "pod", `${name}-verify-1`, "-n", tenant, "-o", "json"]);
    const { status } = JSON.parse(verifier) as Pod;
    expect(status?.containerStatuses).toMatchObject([
      { name: "criterion-1", state: { terminated: { exitCode: 0, reason: "Completed" } } },
    ]);
    expect(status?.initContainerStatuses?.map((one) => one.name)).toEqual(["fetch"]);
  });

  it("reads well in kubectl", async () => {
    const missions = await kube.ok(["get", "missions", name, "-n", tenant]);
    expect(missions).toMatch(/NAME\s+PHASE\s+AGENTS\s+PR\s+AGE/);
    expect(missions).toMatch(/e2e-fix-bug\s+Complete\s+1\/1\s+https:/);
    const agents = await kube.ok(["get", "agents", `${name}-coder`, "-n", tenant]);
    expect(agents).toMatch(/NAME\s+MISSION\s+ROLE\s+PHASE\s+DOING\s+SEQ\s+REC\s+AGE/);
    expect(agents).toMatch(/e2e-fix-bug-coder\s+e2e-fix-bug\s+Coder\s+Succeeded/);
    const story = await kube.ok(["get", "events", "-n", tenant, "--field-selector", `involvedObject.name=${name}`]);
    expect(story).toMatch(/Complete|CriteriaMet/);
  });

  it("leaves a branch that passes the repository's own tests, and a base that fails them", async () => {
    const pullRequest = await forge.pullRequest(mission.status?.pullRequests?.[0]?.number ?? 0);
    expect(pullRequest.state).toBe("open");
    const fixed = await cloneBranch(forge, pullRequest.head.ref, join(dir, "fixed"));
    await expect(sh("node", ["--test"], { cwd: fixed })).resolves.toMatchObject({
      stdout: expect.stringMatching(/fail 0/),
    });
    const base = await cloneBranch(forge, "main", join(dir, "base"));
    await expect(sh("node", ["--test"], { cwd: base })).rejects.toMatchObject({
      stdout: expect.stringMatching(/fail [1-9]/),
    });
  });

  it("has its thoughts, decisions, actions and state changes in the ledger, gap-free and in a chain that verifies", async () => {
    // Its end is recorded when it is seen.
    const rows = await waitFor(
      "its VERDICT in the ledger",
      async () => {
        const found = await wholeRecord(name, mission.metadata.uid);
        return typesOf(found).includes("VERDICT") ? found : undefined;
      },
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    const agent = await runner.agentOf(name);
    expect(new Set(typesOf(rows))).toEqual(
      new Set([
        "LIFECYCLE",
        "THOUGHT",
        "DECISION_RATIONALE",
        "ACTION",
        "STATE_CHANGE",
        "MODEL_CALL",
        "PROPOSAL",
        "PUBLICATION",
        "VERDICT",
        // A lesson may be recalled, and is learned at the end.
        ...typesOf(rows).filter((type) => type === "HEARTBEAT" || type === "LESSON"),
      ]),
    );
    expect(faultsOf(rows, agent?.metadata.uid ?? "")).toEqual([]);
    const order = (type: string): number => typesOf(rows).indexOf(type);
    expect(order("DECISION_RATIONALE")).toBeLessThan(order("STATE_CHANGE"));
    expect(order("STATE_CHANGE")).toBeLessThan(order("PROPOSAL"));
    expect(order("PROPOSAL")).toBeLessThan(order("PUBLICATION"));
    expect(order("PUBLICATION")).toBeLessThan(order("VERDICT"));
  });

  it("shows the decision and the state change in its trace", async () => {
    const traceId = mission.status?.ledger?.traceID ?? "";
    const events = await eventsOfTrace(kube, releaseNamespace, traceId);
    expect(events["agent_execution_cycle"]).toEqual(expect.arrayContaining(["decision_made", "state_change_applied"]));
  });

  it("is frozen", async () => {
    const answer = await kube.run([
      "patch",
      "mission",
      name,
      "-n",
      tenant,
      "--type=merge",
      "-p",
      '{"spec":{"suspend":true}}',
    ]);
    expect(answer).toMatchObject({ code: 1, stderr: expect.stringMatching(/a finished mission is frozen/) });
  });
});

describe("a mission ends with a reason a person understands when", () => {
  const endings = [
    [
      "its repository does not exist",
      "e2e-no-repo",
      { scenario: "fix-bug", repo: "https://gitea.forge.svc/swarm/absent.git" },
      "RepositoryNotFound",
      /absent/,
    ],
    ["its branch does not exist", "e2e-no-ref", { scenario: "fix-bug", ref: "absent" }, "RefNotFound", /absent/],
    [
      "its model talks nonsense",
      "e2e-nonsense",
      { scenario: "nonsense", maxAttempts: 1 },
      /AttemptsExhausted|AgentFailed|NotRetryable/,
      /./,
    ],
    ["its fix does not fix", "e2e-wrong-fix", { scenario: "wrong-fix", maxAttempts: 1 }, /./, /./],
  ] as const;
  it.each(endings)(
    "%s",
    async (_, name, change, reason, message) => {
      await runner.remove(name);
      await runner.start(name, change);
      const mission = await runner.finished(name);
      expect(isTrue(mission.status?.conditions, "Failed")).toBe(true);
      expect(mission.status?.outcome?.reason).toMatch(reason);
      expect(mission.status?.outcome?.message).toMatch(message);
      await runner.remove(name);
    },
    minutes(5),
  );

  it(
    "its credentials are refused",
    async () => {
      const name = "e2e-bad-login";
      await runner.remove(name);
      await kube.apply({
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "wrong-login",
          namespace: tenant,
          labels: { "swarm.enchanted.dev/use": "git" },
          annotations: { "swarm.enchanted.dev/repositories": `https://${forge.host}/**` },
        },
        stringData: { username: "swarm", password: "not-the-password" },
      });
      await runner.start(name, { scenario: "fix-bug", secretRef: { name: "wrong-login" } });
      const mission = await runner.finished(name);
      expect(mission.status?.outcome?.reason).toBe("AuthenticationFailed");
      await runner.remove(name);
    },
    minutes(4),
  );

  it(
    "its Secret is not meant for Git: it waits, and says what to do",
    async () => {
      const name = "e2e-secret";
      await runner.remove(name);
      await kube.apply({
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "unlabelled", namespace: tenant },
        stringData: { username: "a", password: "b" },
      });
      await runner.start(name, { scenario: "fix-bug", secretRef: { name: "unlabelled" } });
      const mission = await runner.reached(name, "refused its Secret", (m) =>
        (m.status?.conditions ?? []).some((c) => c.reason === "SecretNotAllowed"),
      );
      const told = mission.status?.conditions?.find((c) => c.reason === "SecretNotAllowed")?.message;
      expect(told).toMatch(/swarm\.enchanted\.dev\/use/);
      await runner.remove(name);
    },
    minutes(2),
  );
});

describe("while a mission runs", () => {
  const working = (name: string): Promise<Mission> =>
    runner.reached(
      name,
      "at work",
      (_, agent) => (agent?.status?.ledger?.lastSeq ?? 0) >= 3 || agent?.status?.activity !== undefined,
    );

  it(
    "it can be deleted: no pod stays, no finalizer is stuck, the record is whole",
    async () => {
      const name = "e2e-delete";
      await runner.remove(name);
      const { uid } = await runner.start(name, { scenario: "slow" });
      await working(name);
      const agentUid = (await runner.agentOf(name))?.metadata.uid ?? "";
      await kube.ok(["delete", "mission", name, "-n", tenant, "--timeout=120s"]);
      const left = async (): Promise<number> =>
        (await kube.list("pods", tenant, `swarm.enchanted.dev/mission=${name}`)).length +
        ((await runner.agentOf(name)) ? 1 : 0);
      await waitFor("everything of it is gone", async () => (await left()) === 0, {
        timeoutMs: 90_000,
        intervalMs: 500,
      });
      const rows = await waitFor(
        "the end of its record",
        async () => {
          const found = await ledger.framesOf(uid);
          return found.some((row) => row.event_type === "LIFECYCLE" && row.frame.includes("Stopped"))
            ? found
            : undefined;
        },
        { timeoutMs: 30_000, intervalMs: 250 },
      );
      expect(faultsOf(rows, agentUid)).toEqual([]);
      await runner.remove(name);
    },
    minutes(5),
  );

  const killable = [
    ["the operator", "operator"],
    ["the collector", "collector"],
    ["NATS", "nats"],
    ["the gateway", "gateway"],
    ["the publisher", "publisher"],
    ["the siphon", "siphon"],
  ] as const;
  it.each(killable)(
    "%s can be killed: it completes, and nothing acknowledged is missing",
    async (_, component) => {
      const name = `e2e-kill-${component}`;
      await runner.remove(name);
      await runner.start(name, { scenario: "slow" });
      await working(name);
      await kube.ok([
        "delete",
        "pod",
        "-n",
        releaseNamespace,
        "-l",
        `app.kubernetes.io/component=${component}`,
        "--force",
        "--grace-period=0",
      ]);
      const mission = await runner.finished(name);
      expect(mission.status?.outcome?.message).toBeDefined();
      expect(isTrue(mission.status?.conditions, "Complete")).toBe(true);
      const rows = await wholeRecord(name, mission.metadata.uid);
      expect(faultsOf(rows, (await runner.agentOf(name))?.metadata.uid ?? "")).toEqual([]);
      await runner.remove(name);
    },
    minutes(6),
  );

  it(
    "its agent can be killed: a new attempt goes on where it was, and completes it",
    async () => {
      const name = "e2e-kill-agent";
      await runner.remove(name);
      await runner.start(name, { scenario: "slow" });
      await runner.reached(name, "some turns on", (_, one) => (one?.status?.ledger?.lastSeq ?? 0) >= 4);
      const agent = await runner.agentOf(name);
      await kube.run([
        "exec",
        "-n",
        tenant,
        agent?.status?.podName ?? "",
        "-c",
        "agent",
        "--",
        "/enchanted/bin/node",
        "-e",
        "process.kill(1, 'SIGTERM')",
      ]);
      const mission = await runner.finished(name);
      expect(isTrue(mission.status?.conditions, "Complete")).toBe(true);
      const after = await runner.agentOf(name);
      expect(after?.status?.attempt).toBe(2);
      expect(after?.status?.history?.[0]).toMatchObject({ attempt: 1, agentReason: "Stopped" });
      const rows = await wholeRecord(name, mission.metadata.uid);
      const actions = rows.filter((row) => row.event_type === "ACTION");
      const looked = actions.filter((row) => row.frame.includes('"tool":"list_files"'));
      expect(looked.map(({ epoch }) => epoch)).toEqual([1]);
      expect(actions.some(({ epoch }) => epoch === 2)).toBe(true);
      expect(faultsOf(rows, after?.metadata.uid ?? "")).toEqual([]);
      await runner.remove(name);
    },
    minutes(6),
  );

  it(
    "it can be suspended and resumed",
    async () => {
      const name = "e2e-suspend";
      await runner.remove(name);
      await runner.start(name, { scenario: "slow" });
      await working(name);
      await kube.ok(["patch", "mission", name, "-n", tenant, "--type=merge", "-p", '{"spec":{"suspend":true}}']);
      await runner.reached(name, "suspended", (m) => isTrue(m.status?.conditions, "Suspended"));
      await waitFor(
        "its pod is gone",
        async () =>
          (await kube.list<{ status: { phase: string } }>("pods", tenant, `swarm.enchanted.dev/mission=${name}`)).every(
            (pod) => pod.status.phase !== "Running",
          ),
        { timeoutMs: 60_000 },
      );
      await kube.ok(["patch", "mission", name, "-n", tenant, "--type=merge", "-p", '{"spec":{"suspend":false}}']);
      expect(isTrue((await runner.finished(name)).status?.conditions, "Complete")).toBe(true);
      await runner.remove(name);
    },
    minutes(6),
  );

  it(
    "a model that answers 429, 503 and hangs up only makes it wait",
    async () => {
      const name = "e2e-rate-limited";
      await runner.remove(name);
      await runner.start(name, { scenario: "rate-limited" });
      expect(isTrue((await runner.finished(name)).status?.conditions, "Complete")).toBe(true);
      await runner.remove(name);
    },
    minutes(5),
  );
});

describe("from inside an agent pod", () => {
  const [name, another] = ["e2e-inside", "e2e-beside"];
  let pod = "";

  beforeAll(async () => {
    for (const one of [name, another]) {
      await runner.remove(one);
      await runner.start(one, { scenario: "long-think" });
    }
    for (const one of [name, another])
      await runner.reached(one, "running", (_, agent) => agent?.status?.activity !== undefined);
    pod = (await runner.agentOf(name))?.status?.podName ?? "";
  }, minutes(3));

  afterAll(() => Promise.all([runner.remove(name), runner.remove(another)]), minutes(2));

  it(
    "collector and gateway answer, and nothing else does, whatever is tried",
    async () => {
      const namespaces = [releaseNamespace, "forge", "default"];
      const probes = await tryFromInside(kube, { namespace: tenant, pod }, namespaces);
      const wide = ["gitea:443", "kubernetes:443", "another agent's pod:4322", "the internet, IPv6"];
      expect(probes.map(({ what }) => what)).toEqual(expect.arrayContaining(wide.map((what) => `TCP to ${what}`)));
      const through = probes.filter(cameThrough);
      expect(through.filter((probe) => !isMeant(probe))).toEqual([]);
      expect(through.map(({ what }) => what)).toEqual(
        expect.arrayContaining(["TCP to enchanted-collector:4317", "TCP to enchanted-gateway:8443"]),
      );
      await mkdir("dist", { recursive: true });
      await writeFile(join("dist", "inside.md"), renderProbes(probes));
    },
    minutes(2),
  );

  it("there is no token, no key and no credential", async () => {
    const look =
      "env; cat /proc/self/environ; ls -R /var/run/secrets /run/secrets 2>/dev/null; grep -rsIh -m1 eyJhbGciOi /enchanted /run /var/run /workspace; true";
    const seen = await kube.ok(["exec", "-n", tenant, pod, "-c", "agent", "--", "sh", "-c", look]);
    expect(seen).toContain("ENCHANTED_AGENT=");
    const { token } = await forge.credentials();
    expect(seen).not.toContain(token);
    expect(seen).not.toMatch(/eyJhbGciOi|serviceaccount|(^|\n)[A-Z_]*(TOKEN|PASSWORD|SECRET|API_KEY)[A-Z_]*=/);
  }, 30_000);
});
