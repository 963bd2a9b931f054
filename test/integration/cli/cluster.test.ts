import { readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { accessTo } from "#nervous-system/kubernetes/access.ts";
import { events } from "#nervous-system/kubernetes/kinds.ts";
import {
  agents,
  interventions,
  missions,
  type Intervention,
  type Mission,
} from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { AgentStatus } from "#nervous-system/schemas/resources/agent.ts";
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
    expect((await ask("wait", "fix", "--timeout", "1ms")).code).toBe(0);
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
    expect((await ask("wait", "fix", "--timeout", "0s")).code).toBe(1);
    const { stdout } = await ask("wait", "fix", "--output", "json");
    expect(JSON.parse(stdout)).toMatchObject({ name: "fix", namespace, outcome: { reason: "CriteriaFailed" } });
  });

  it("ends with 3 once the time is over, and with 1 where the mission is deleted meanwhile, or made anew", async () => {
    const made = await createMission(plane.admin, { namespace, name: "fix" });
    for (const timeout of ["300ms", "1ms", "0s"])
      expect(await ask("wait", "fix", "--timeout", timeout)).toMatchObject({
        code: 3,
        stdout: "",
        stderr: expect.stringContaining(`mission "fix" has not ended within ${timeout}; it goes on`),
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
    for (const name of ["..", "a/b", "A", "a%2f", "x..y", "-a"])
      expect(await stage.cli(["wait", "--namespace", namespace, "--", name], { env: env() })).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining(`"${name}" is no name of a mission`),
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

/** The mission `fix` with its agent. */
const createTeam = async (): Promise<void> => {
  await createAccount(plane.admin, namespace);
  const { metadata } = await createMission(plane.admin, { namespace, name: "fix" });
  await createAgent(plane.admin, { namespace, name: "fix-coder" }, { mission: "fix", model: "gpt" });
  const { apiVersion, ...current } = await plane.admin.get(agents, { namespace, name: "fix-coder" });
  const owner = { apiVersion, kind: "Mission", name: "fix", uid: metadata.uid, controller: true };
  const { uid, resourceVersion } = current.metadata;
  const target = { namespace, name: "fix-coder", uid, resourceVersion };
  await plane.admin.patch(agents, target, { metadata: { ownerReferences: [owner] } });
};

const setAgentStatus = async (status: AgentStatus): Promise<void> => {
  const { uid, resourceVersion } = (await plane.admin.get(agents, { namespace, name: "fix-coder" })).metadata;
  await plane.admin.patchStatus(agents, { namespace, name: "fix-coder", uid, resourceVersion }, status);
};

describe("enchanted usage", () => {
  it("tells what a mission and its agents used", async () => {
    await createTeam();
    const usage = { modelCalls: 2, inputTokens: 1_000, outputTokens: 34, costUSD: "0.25", frames: 38 };
    await setAgentStatus({ attempt: 2, usage });
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

describe("enchanted watch", () => {
  const activity = { kind: "ACTION", summary: "Running npm test\u001B[31m", since: at };

  it("tells each change of the mission and its agents on a line, and ends with it", async () => {
    await createTeam();
    const watching = begin("watch", "fix");
    let shown = "";
    watching.child.stdout?.on("data", (chunk: Buffer) => (shown += chunk.toString()));
    await eventually(
      "it is watched",
      () => shown.includes("fix-coder: Pending") && shown.includes("nobody has looked"),
    );
    await setStatus(working);
    await setAgentStatus({ attempt: 1, phase: "Running", activity });
    await eventually("it tells what the agent does", () => shown.includes("fix-coder: Running npm test\ufffd[31m\n"));
    expect(shown).toMatch(/^[0-9:]{8} Running: At work: fix-coder \(Running\)\.$/m);
    await setStatus(complete);
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nfix is Complete: All hold\.\nopen: https:\/\/forge\.example\.org\/pulls\/1\n$/);
    expect(stdout).not.toContain("\u001B");
  });

  it("draws at a terminal how all stands, anew and below what happened", async () => {
    await createTeam();
    await setStatus(working);
    await setAgentStatus({ attempt: 1, phase: "Running", activity });
    const job = JSON.stringify({
      command: [enchanted, "watch", "fix", "--namespace", namespace],
      cwd: stage.cwd,
      steps: [["Running npm test", "touch", join(stage.cwd, "drawn")]],
    });
    const script = resolve("test/integration/cli/under_terminal.py");
    const watching = stage.start(["python3", script, job], { env: env() });
    await eventually("it is drawn", async () => (await readdir(stage.cwd)).includes("drawn"));
    await setStatus(complete);
    const { output } = JSON.parse((await watching.ended).stdout) as { output: string };
    expect(output).toContain("fix-coder  Running  Running npm test");
    expect(output).toContain("\u001B[4A\r\u001B[J");
    expect(output.trimEnd()).toMatch(/open: https:\/\/forge\.example\.org\/pulls\/1$/);
  });

  it("ends with 1 where the mission failed, or there is none", async () => {
    expect(await ask("watch", "fix")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no mission"),
    });
    await createMission(plane.admin, { namespace, name: "fix" });
    await setStatus({ phase: "Failed", conditions: [condition("Failed", "CriteriaFailed", "A test fails.")] });
    expect((await ask("watch", "fix")).code).toBe(1);
  });
});

describe("enchanted open", () => {
  it("prints the pull request, and opens it in the browser that is named", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    await setStatus(complete);
    const browser = join(stage.cwd, "browser");
    await writeFile(browser, '#!/bin/sh\necho "$1" > opened.part && mv opened.part opened\n', { mode: 0o755 });
    const { ended } = stage.start([enchanted, "open", "fix", "--namespace", namespace], {
      env: { ...env(), BROWSER: browser },
    });
    expect(await ended).toMatchObject({ code: 0, stdout: "https://forge.example.org/pulls/1\n", stderr: "" });
    const opened = (): Promise<string> => readFile(join(stage.cwd, "opened"), "utf8").catch(() => "");
    await eventually("the browser has it", async () => (await opened()) === "https://forge.example.org/pulls/1\n");
  });

  it("prints the trace where it is asked for, and says what is missing", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    const without = await ask("open", "fix");
    expect(without).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("has no pull request; for its trace say"),
    });
    const jaeger = ["--jaeger", "http://localhost:16686/", "--no-browser"];
    expect(await ask("open", "fix", ...jaeger)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("has no trace: it is not admitted"),
    });
    await setStatus({ ...complete, ledger: { traceID: "e5c4a27d" } });
    expect((await ask("open", "fix", "--trace", ...jaeger)).stdout).toBe("http://localhost:16686/trace/e5c4a27d\n");
  });

  it("opens nothing that is no page", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    await setStatus({ ...complete, pullRequests: [{ url: "file:///etc/passwd", state: "open" }] });
    const browser = join(stage.cwd, "never");
    await writeFile(browser, "#!/bin/sh\ntouch opened-it\n", { mode: 0o755 });
    const { ended } = stage.start([enchanted, "open", "fix", "--namespace", namespace], {
      env: { ...env(), BROWSER: browser },
    });
    expect(await ended).toMatchObject({ code: 0, stdout: "file:///etc/passwd\n", stderr: "" });
    expect(await readdir(stage.cwd)).not.toContain("opened-it");
  });
});

describe("enchanted doctor with a mission", () => {
  const stalled: MissionStatus = {
    observedGeneration: 9,
    phase: "Running",
    conditions: [condition("Stalled", "PodUnschedulable", 'Agent "fix-coder" cannot go on: no node.')],
  };

  it("says in plain words what holds it up, what to type, and what others warned of", async () => {
    await createTeam();
    await setStatus(stalled);
    await setAgentStatus({ podName: "fix-coder-1" });
    await plane.admin.create(events, {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { namespace, name: "one" },
      eventTime: new Date().toISOString().replace("Z", "000Z"),
      reportingController: "test/one",
      reportingInstance: "one",
      action: "Schedule",
      reason: "FailedScheduling",
      type: "Warning",
      note: "0/1 nodes.\u001B[2J",
      regarding: { kind: "Agent", namespace, name: "fix-coder" },
    });
    const { code, stdout, stderr } = await ask("doctor", "fix");
    expect([code, stderr]).toEqual([1, ""]);
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/^fix is Running: /),
      'fail mission fix: PodUnschedulable: Agent "fix-coder" cannot go on: no node.',
      "     No node takes the pod: it asks for more than there is, or for what no node has.",
      `     next: kubectl describe pod fix-coder-1 --namespace ${namespace}`,
      "           kubectl describe nodes",
      "Warnings of the last hour, the newest first:",
      "     agent fix-coder: FailedScheduling: 0/1 nodes.\ufffd[2J",
      "",
    ]);
    const { found, warnings } = JSON.parse((await ask("doctor", "fix", "--output", "json")).stdout) as Record<
      string,
      object[]
    >;
    expect(found).toMatchObject([{ kind: "act", reason: "PodUnschedulable" }]);
    expect(warnings).toMatchObject([{ about: "agent fix-coder", reason: "FailedScheduling" }]);
  });

  it("ends with 0 where nobody has to act, and tells what it may not read", async () => {
    await createTeam();
    await setStatus({ observedGeneration: 9, ...working });
    const access = { cluster: [accessTo(missions, ["get"]), accessTo(agents, ["list"])], tenant: [], namespace };
    const kubeconfig = await kubeconfigWithAccess(plane, "ann", access);
    const { code, stdout } = await ask("doctor", "fix", "--kubeconfig", kubeconfig);
    expect([code, stdout.split("\n").slice(1)]).toEqual([
      0,
      ["ok   nothing keeps it from going on", "(you may not list pods and Events, so nothing is told of them)", ""],
    ]);
    expect(await ask("doctor", "nothing")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no mission"),
    });
  });
});

describe("completion of missions' names", () => {
  const complete = async (...words: readonly string[]): Promise<string> => {
    const script = [
      `source <("${enchanted}" completion bash)`,
      `COMP_WORDS=("${enchanted}" ${words.map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length}; _enchanted; echo "\${COMPREPLY[*]}"`,
    ];
    return (await stage.start(["bash", "-c", script.join("\n")], { env: env() }).ended).stdout.trim();
  };

  it("asks the cluster and the namespace that the command line names", async () => {
    for (const name of ["fix", "fit", "other"]) await createMission(plane.admin, { namespace, name });
    expect(await complete("watch", "--namespace", namespace, "fi")).toBe("fit fix");
    expect(await complete("doctor", "--namespace", "=", namespace, "o")).toBe("other");
    expect(await complete("watch", "--namespace", "f")).not.toContain("fix");
    expect(await complete("watch", "--name")).toBe("--namespace");
  });

  it("is silent and soon over where there is no cluster, or one that does not answer", async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const kubeconfig = join(stage.cwd, "silent");
    const text = await readFile(plane.plane.kubeconfigPath, "utf8");
    await writeFile(kubeconfig, text.replace(/server: .*/, `server: https://127.0.0.1:${port}`));
    for (const path of [join(stage.cwd, "nowhere"), kubeconfig])
      expect(await ask("completion", "missions", "--kubeconfig", path)).toEqual({
        code: 0,
        signal: null,
        stdout: "",
        stderr: "",
      });
    silent.close();
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

describe("enchanted pause, resume and cancel", () => {
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

describe("enchanted approvals, approve and reject", () => {
  const request = { requestID: "r1", argsDigest: `sha256:${"1".repeat(64)}` };
  const pending = {
    ...request,
    agent: "fix-coder",
    kind: "PullRequest" as const,
    summary: 'Agent "fix-coder" asks to open a pull request into main: "Fix it" (999999999999, 1 file).',
    since: at,
  };
  const waits = [condition("Ready", "ApprovalRequired", "It asks.")];

  it("lists what is asked, and asks for exactly that to be approved, by the mission's or the agent's name", async () => {
    expect(await ask("approvals")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("nothing waits for a person"),
    });
    await createMission(plane.admin, { namespace, name: "fix" });
    expect(await ask("approve", "fix")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("fix asks for nothing"),
    });
    const decided = { ...request, decision: "Approved" as const, by: "ann", uid: "u1", at };
    await setStatus({ phase: "Publishing", decidedApprovals: [decided] });
    expect((await ask("approve", "fix")).stderr).toContain(
      `fix asks for nothing; approved by ann at ${at}; the mission`,
    );
    await setStatus({ phase: "AwaitingHuman", conditions: waits, pendingApprovals: [pending] });
    const { stdout } = await ask("approvals");
    for (const part of [pending.summary, pending.argsDigest, "enchanted approve fix --request r1"])
      expect(stdout).toContain(part);
    expect(JSON.parse((await ask("approvals", "--output", "json")).stdout)).toEqual([{ mission: "fix", ...pending }]);

    await createAgent(plane.admin, { namespace, name: "fix-coder" }, { mission: "fix", model: "gpt" });
    const started = begin("approve", "fix-coder", "--reason", "Seen.");
    const act = await asked();
    expect(act.spec).toMatchObject({ missionRef: { name: "fix" }, kind: "Approve", ...request, text: "Seen." });
    await answer(act, "Complete", { phase: "Applied", message: "It is approved." });
    const { code, stdout: told, stderr } = await started.ended;
    expect({ code, told }).toEqual({ code: 0, told: "fix: It is approved.\n" });
    expect(stderr).toContain(`${pending.summary} ${pending.argsDigest}`);
  });

  it("decides nothing where it is not said which of several is meant", async () => {
    await createMission(plane.admin, { namespace, name: "fix" });
    const pendingApprovals = [pending, { ...pending, requestID: "r2", argsDigest: "sha256:2" }];
    await setStatus({ phase: "AwaitingHuman", conditions: waits, pendingApprovals });
    expect(await ask("reject", "fix")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /fix asks for 2 things; say which one:\n {2}--request r1 Agent .*\n {2}--request r2 /,
      ),
    });
    expect((await plane.admin.list(interventions, { namespace })).items).toEqual([]);
    const started = begin("reject", "fix", "--request", "r2");
    const act = await asked();
    expect(act.spec).toMatchObject({ kind: "Reject", requestID: "r2", argsDigest: "sha256:2" });
    await answer(act, "Failed", { phase: "Denied", message: "The request is decided already" });
    expect(await started.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("decided already") });
  });
});
