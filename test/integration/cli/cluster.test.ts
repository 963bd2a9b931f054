import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { accessTo } from "#nervous-system/kubernetes/access.ts";
import {
  agents,
  interventions,
  missions,
  type Intervention,
  type Mission,
} from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { InterventionStatus } from "#nervous-system/schemas/resources/intervention.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import {
  clientWithAccess,
  createAccount,
  createAgent,
  createMission,
  kubeconfigWithAccess,
  startSwarmPlane,
} from "#test/integration/gateway/swarm-plane.ts";
import { run } from "#platform/process/run.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { enchanted, setCliStage, type CliStage, type Ended, type Started } from "./cli-stage.ts";

let plane: TestPlane;
let stage: CliStage;
let namespace = "";

beforeAll(async () => {
  plane = await startSwarmPlane();
  stage = await setCliStage();
}, 600_000);

afterAll(async () => {
  await stage?.remove();
  await plane?.stop();
}, 60_000);

beforeEach(async () => {
  namespace = await freshNamespace(plane.admin);
});

const env = (): Record<string, string> => ({ KUBECONFIG: plane.plane.kubeconfigPath });
const ask = (...args: string[]): Promise<Ended> => stage.cli([...args, "--namespace", namespace], { env: env() });
const begin = (...args: string[]): Started =>
  stage.start([enchanted, ...args, "--namespace", namespace], { env: env() });

const told = (started: Started): (() => string) => {
  let text = "";
  started.child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
};

const at = "2026-12-01T00:00:00Z";
const condition = (type: string, reason: string, message: string) => ({
  type,
  status: "True" as const,
  reason,
  message,
  lastTransitionTime: at,
});

const setStatus = async (status: MissionStatus): Promise<Mission> => {
  const found = await plane.admin.get(missions, { namespace, name: "fix" });
  const { uid, resourceVersion } = found.metadata;
  return plane.admin.patchStatus(missions, { namespace, name: "fix", uid, resourceVersion }, status);
};

const working: MissionStatus = {
  phase: "Running",
  conditions: [condition("Ready", "Working", "At work: fix-coder (Running).")],
};
const complete: MissionStatus = {
  phase: "Complete",
  conditions: [condition("Ready", "CriteriaMet", "All hold."), condition("Complete", "CriteriaMet", "All hold.")],
  outcome: { reason: "CriteriaMet", message: "All hold." },
  pullRequests: [{ url: "https://forge.example.org/pulls/1", state: "open" }],
  usage: { inputTokens: 1_000, outputTokens: 34, modelCalls: 2, frames: 40, costUSD: "0.25" },
  activeSeconds: 3_723,
};

describe("enchanted wait", () => {
  it("tells where the mission stands until it is complete, and how it ended", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    const waiting = begin("wait", "fix");
    const shown = told(waiting);
    await eventually("it is watched", () => shown().includes("Pending: nobody has looked at it yet"));
    await setStatus(working);
    await eventually("it tells the change", () => shown().includes("Running: At work: fix-coder (Running).\n"));
    await setStatus(complete);
    expect(await waiting.ended).toMatchObject({
      code: 0,
      stdout: "fix is Complete: All hold.\nopen: https://forge.example.org/pulls/1\n",
    });
  });

  it("ends with 1 where the mission failed, with its evidence and without escapes", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    await setStatus({
      phase: "Failed",
      conditions: [
        { ...condition("Ready", "CriteriaFailed", "A test\u001B[31m fails."), status: "False" },
        condition("Failed", "CriteriaFailed", "A test fails."),
      ],
      outcome: { reason: "CriteriaFailed", message: "A test fails.", evidence: "not ok 1\nexit 1\n" },
    });
    expect(await ask("wait", "fix")).toMatchObject({
      code: 1,
      stdout: "fix is Failed: A test\ufffd[31m fails.\n  not ok 1\n  exit 1\n",
    });
    const { stdout } = await ask("wait", "fix", "--output", "json");
    expect(JSON.parse(stdout)).toMatchObject({ name: "fix", namespace, outcome: { reason: "CriteriaFailed" } });
  });

  it("ends with 3 once the time is over, and with 1 where the mission is deleted meanwhile, or made anew", async () => {
    const made = await createMission(plane.admin, { namespace, name: "fix" });
    expect(await ask("wait", "fix", "--timeout", "300ms")).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringContaining('mission "fix" has not ended within 300ms; it goes on'),
    });
    const waiting = begin("wait", "fix");
    const shown = told(waiting);
    await eventually("it is watched", () => shown().includes("Pending"));
    await plane.admin.delete(missions, { namespace, name: "fix", uid: made.metadata.uid });
    await createMission(plane.admin, { namespace, name: "fix" });
    expect(await waiting.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('mission "fix" was deleted'),
    });
  });

  it("ends with 1 where the cluster lets nobody follow missions who may read one", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    const tenant = [accessTo(missions, ["get"])];
    const kubeconfig = await kubeconfigWithAccess(plane, `reader-${namespace}`, { cluster: [], tenant, namespace });
    expect(await ask("wait", "fix", "--kubeconfig", kubeconfig)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^enchanted: the cluster refuses: .*403 Forbidden: .*cannot list resource/m),
    });
  });

  it("says in words what of a kubeconfig cannot be used", async () => {
    const kubeconfig = join(stage.cwd, "kubeconfig");
    const use = async (cluster: object, user: object): Promise<Ended> => {
      const named = { clusters: [{ name: "c", cluster }], users: [{ name: "u", user }] };
      const contexts = [{ name: "x", context: { cluster: "c", user: "u" } }];
      await writeFile(kubeconfig, JSON.stringify({ ...named, contexts, "current-context": "x" }));
      return ask("usage", "fix", "--kubeconfig", kubeconfig);
    };
    const proxied = await use({ server: "http://127.0.0.1:9" }, {});
    expect([proxied.code, proxied.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^enchanted: the cluster is not known: its server http:\S+ has no TLS: set insecure-skip-tls-verify .*\n$/,
      ),
    ]);
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: join(stage.cwd, "none"), args: [] };
    const unproven = await use({ server: "https://127.0.0.1:9" }, { exec });
    expect([unproven.code, unproven.stderr]).toEqual([
      1,
      expect.stringMatching(/^enchanted: the kubeconfig's credentials cannot be used: .*\n$/),
    ]);
  });

  it("says what is wrong with what it was given", async () => {
    expect(await ask("wait", "nothing")).toMatchObject({
      code: 1,
      stderr: `enchanted: there is no mission "nothing" in namespace "${namespace}"\n`,
    });
    expect(await ask("wait")).toMatchObject({ code: 2, stderr: expect.stringContaining("name one mission") });
    expect(await ask("wait", "a", "b")).toMatchObject({ code: 2, stderr: expect.stringContaining("name one mission") });
    expect(await ask("wait", "fix", "--timeout", "soon")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("give a duration, such as 90s"),
    });
    const nowhere = join(stage.cwd, "nowhere");
    expect(await ask("wait", "fix", "--kubeconfig", nowhere)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`there is no kubeconfig at ${nowhere}`),
    });
    expect(await ask("wait", "fix", "--context", "other")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the kubeconfig has no context "other"; it has '),
    });
    const broken = join(stage.cwd, "broken");
    await writeFile(broken, "clusters: [");
    expect(await ask("wait", "fix", "--kubeconfig", broken)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("the cluster is not known: "),
    });
  });
});

describe("enchanted usage", () => {
  it("tells what a mission and its agents used", async () => {
    await createAccount(plane.admin, namespace);
    const { metadata } = await createMission(plane.admin, { namespace, name: "fix" });
    const { agent } = await createAgent(
      plane.admin,
      { namespace, name: "fix-coder" },
      { mission: "fix", model: "gpt" },
    );
    const current = await plane.admin.get(agents, { namespace, name: "fix-coder" });
    const owner = { apiVersion: current.apiVersion, kind: "Mission", name: "fix", uid: metadata.uid, controller: true };
    const { uid, resourceVersion } = current.metadata;
    const target = { namespace, name: "fix-coder", uid, resourceVersion };
    const owned = await plane.admin.patch(agents, target, { metadata: { ownerReferences: [owner] } });
    const usage = { modelCalls: 2, inputTokens: 1_000, outputTokens: 34, costUSD: "0.25", frames: 38 };
    const version = { ...target, resourceVersion: owned.metadata.resourceVersion };
    await plane.admin.patchStatus(agents, version, { attempt: 2, usage });
    expect(agent.metadata.uid).toBe(uid);
    await setStatus(complete);
    const { code, stdout } = await ask("usage", "fix");
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "at work      1h 02m 03s",
        "model calls  2",
        "tokens       1,000 sent, 34 answered",
        "cost         $0.25",
        "frames       40",
        "fix-coder: 2 model calls, 1034 tokens, $0.25, attempt 2",
        "",
      ].join("\n"),
    );
    const { stdout: json } = await ask("usage", "fix", "--output", "json");
    expect(JSON.parse(json)).toMatchObject({
      activeSeconds: 3_723,
      usage: { costUSD: "0.25" },
      agents: [{ name: "fix-coder", attempt: 2 }],
    });
  });
});

describe("kubectl enchanted", () => {
  it("is the same program", async () => {
    await symlink(enchanted, join(stage.cwd, "kubectl-enchanted"));
    const path = `${stage.cwd}:${process.env["PATH"] ?? ""}`;
    const { ended } = stage.start([plane.plane.kubectl, "enchanted", "wait", "--help"], {
      env: { ...env(), PATH: path },
    });
    expect(await ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: enchanted wait \[options\] <mission>\n/),
    });
  });
});

describe("enchanted pause, resume and cancel", () => {
  /** What was asked for, once it is there. */
  const asked = async (): Promise<Intervention> => {
    let found: Intervention | undefined;
    await eventually("an act is asked for", async () => {
      [found] = (await plane.admin.list(interventions, { namespace })).items;
      return found !== undefined;
    });
    return found!;
  };
  /** Answers as the operator does. */
  const answer = async ({ metadata }: Intervention, type: "Complete" | "Failed", status: InterventionStatus) => {
    const { name, uid, resourceVersion } = metadata;
    await plane.admin.patchStatus(
      interventions,
      { namespace, name, uid, resourceVersion },
      { ...status, conditions: [condition(type, "Any", status.message ?? "")] },
    );
  };

  it.each([
    ["pause", "Pause"],
    ["resume", "Resume"],
    ["cancel", "Cancel"],
  ])("%s asks for it under the user's own name, and waits for the answer", async (name, kind) => {
    await createMission(plane.admin, { namespace, name: "fix" });
    const started = begin(name, "fix", "--reason", "Too dear.");
    const act = await asked();
    expect(act.spec).toEqual({ missionRef: { name: "fix" }, kind, text: "Too dear.", requestedBy: expect.any(String) });
    const whoami = [plane.plane.kubectl, `--kubeconfig=${plane.plane.kubeconfigPath}`, "auth", "whoami"];
    const told = await run([...whoami, "--output=jsonpath={.status.userInfo.username}"]);
    expect(act.spec.requestedBy).toBe(told);
    expect(act.metadata.name).toMatch(new RegExp(`^fix-${name}-[0-9a-f]{8}$`));
    await answer(act, "Complete", { phase: "Applied", message: "Done.\u001B[31m" });
    expect(await started.ended).toMatchObject({ code: 0, stdout: "fix: Done.\ufffd[31m\n", stderr: "" });
  });

  it("message asks with its text, which it needs", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    expect(await ask("message", "fix")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("name one mission, and give one text in quotes"),
    });
    const started = begin("message", "fix", "Look at the limiter.");
    const act = await asked();
    expect(act.spec).toMatchObject({ kind: "Message", text: "Look at the limiter." });
    await answer(act, "Complete", { phase: "Applied", message: "Told." });
    expect(await started.ended).toMatchObject({ code: 0, stdout: "fix: Told.\n" });
  });

  it("ends with 1 and the reason where it cannot be done, in JSON too", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    const started = begin("resume", "fix", "--output", "json");
    await answer(await asked(), "Failed", { phase: "Denied", message: "Nobody has paused the mission" });
    const { code, stdout, stderr } = await started.ended;
    expect({ code, stderr }).toEqual({ code: 1, stderr: "enchanted: fix: Nobody has paused the mission\n" });
    expect(JSON.parse(stdout)).toMatchObject({ namespace, mission: "fix", kind: "Resume", phase: "Denied" });
  });

  it("ends with 3 where nobody answers, and says how to go on waiting", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    expect(await ask("cancel", "fix", "--timeout", "300ms")).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/nobody has answered within 300ms; .* kubectl get intv fix-cancel-[0-9a-f]{8} -n /),
    });
  });

  it("asks for nothing where there is no such mission, the reason is too long, or the user may not", async () => {
    expect(await ask("pause", "nothing")).toMatchObject({ code: 1, stderr: expect.stringContaining("no mission") });
    await createMission(plane.admin, { namespace, name: "fix" });
    expect(await ask("pause", "fix", "--reason", "x".repeat(8193))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--reason has 8193 characters, and 8192 are taken"),
    });
    const tenant = [accessTo(missions, ["get"])];
    (await clientWithAccess(plane, "eve", { cluster: [], tenant, namespace })).close();
    const KUBECONFIG = await plane.plane.kubeconfigFor({ user: "eve" });
    const refused = await stage.cli(["pause", "fix", "--namespace", namespace], { env: { KUBECONFIG } });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("ask who runs it for the role `edit`") });
    expect((await plane.admin.list(interventions, { namespace })).items).toEqual([]);
  });
});
