import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { commandEnvironment } from "#agent-image/cortex/config.ts";
import { decideMission } from "#operator/mission/decide.ts";
import type { MissionPlan } from "#operator/mission/plan.ts";
import { renderVerifierPod } from "#operator/mission/render-verifier.ts";
import { published, snapshot, verifierPod, verifying } from "#test/builders/mission-snapshot.ts";
import { aPodConfig } from "#test/builders/pod-config.ts";
import { verifierStatus } from "#test/builders/pod-status.ts";
import { runContainer, type ContainerEnd } from "#test/integration/operator/containers.ts";

jest.setTimeout(120_000);

/** A test of the change that looks for a debugger of whoever judges it, and has it exit with 0. */
const takeover = `
import { readdirSync, readlinkSync } from "node:fs";
const others = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid);
for (const pid of others) {
  const program = readlinkSync("/proc/" + pid + "/exe");
  console.log(pid, program);
  if (pid === "1" || program.endsWith("/node")) process.kill(Number(pid), "SIGUSR1");
}
for (let tries = 0; tries < 40; tries++) {
  const targets = await fetch("http://127.0.0.1:9229/json/list").then((r) => r.json()).catch(() => []);
  if (targets.length > 0) {
    console.log("a debugger answers");
    const socket = new WebSocket(targets[0].webSocketDebuggerUrl);
    const params = { expression: "process.reallyExit(0)" };
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params }));
  }
  await new Promise((resolve) => setTimeout(resolve, 25));
}
process.exit(7);
`;

const author = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@b.c",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@b.c",
};
const run = (command: string, ...args: string[]): void => {
  const done = spawnSync(command, args, { env: { ...process.env, ...author }, encoding: "utf8" });
  if (done.status !== 0) throw new Error(done.stderr);
};

let dir: string;
let volumes: { dir: string };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "criteria-"));
  const work = join(dir, "work");
  await mkdir(work);
  run("git", "-C", work, "init", "--quiet", "--initial-branch=main");
  for (const [name, text] of [
    ["file.txt", "published\n"],
    ["takeover.mjs", takeover],
  ] as const) {
    await writeFile(join(work, name), text);
    run("git", "-C", work, "add", name);
    run("git", "-C", work, "commit", "--quiet", "-m", `Add ${name}`);
  }
  // As `fetch` leaves it, which is another user.
  run("git", "clone", "--quiet", "--bare", work, join(dir, "repo.git"));
  run("chown", "-R", "65534:65534", join(dir, "repo.git"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));
beforeEach(async () => {
  volumes = { dir: await mkdtemp(join(dir, "pod-")) };
  await mkdir(join(volumes.dir, "fetch"));
  run("cp", "-a", join(dir, "repo.git"), join(volumes.dir, "fetch"));
});

type Judged = { ends: ContainerEnd[]; plan: MissionPlan };

/** Runs the containers of a verifier pod as a kubelet does, one after the other up to the first that fails, and has the mission judge it. */
const judge = async (...commands: string[]): Promise<Judged> => {
  const mission = verifying(1, {}, { successCriteria: commands.map((command) => ({ command })) });
  const input = { mission, attempt: 1, ref: "swarm/a/b", commit: "2".repeat(40), gateway: "10.0.0.2" };
  const { initContainers = [], containers } = renderVerifierPod(aPodConfig(), input).spec!;
  const ends: ContainerEnd[] = [];
  for (const container of [...initContainers.slice(1), ...containers]) {
    ends.push(await runContainer(container, volumes));
    if (ends.at(-1)!.exitCode !== 0) break;
  }
  const { exitCode, message } = ends.at(-1)!;
  const status = verifierStatus({ exitCode, message, place: ends.length, of: commands.length });
  const verifier = verifierPod(status, { mission });
  return { ends, plan: decideMission(snapshot({ ...published, mission, verifier })) };
};

/** Process ids of this machine that live in a PID namespace. */
const livingIn = async (namespace: string): Promise<string[]> => {
  const all = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const links = await Promise.all(all.map((pid) => readlink(`/proc/${pid}/ns/pid`).catch(() => "")));
  return all.filter((_, at) => links[at] === namespace);
};

describe("a criterion of a hostile change", () => {
  it("finds no judge that a signal opens to its debugger, so it cannot make it exit with 0", async () => {
    const { ends, plan } = await judge("node takeover.mjs");
    expect(ends).toMatchObject([{ exitCode: 7, log: expect.stringMatching(/^1 \/\S+\n/) }]);
    expect(ends[0]!.log).not.toMatch(/node|debugger/);
    expect(plan).toMatchObject({ phase: "Failed", reason: "CriteriaFailed", verifierExitCode: 7 });
    expect(plan.ending?.message).toBe("`node takeover.mjs` ended with exit code 7 on the published branch.");
  });

  it("changes nothing that the next one is run on", async () => {
    const spoil = [
      "echo spoilt > file.txt && echo 'exit 0' > added.sh && git config alias.status '!true'",
      "echo spoilt | tee /tmp/left /dev/shm/left $HOME/left",
      "! (echo spoilt > /enchanted/fetch/repo.git/HEAD) && ! touch /left",
    ];
    const clean = [
      'test "$(cat file.txt)" = published && test ! -e added.sh && test -z "$(git status --porcelain)"',
      'test -z "$(git config alias.status)" && test -z "$(ls -A /dev/shm $HOME | grep left)" && test ! -e /tmp/left',
      "test $(git rev-list --count HEAD) = 2",
    ];
    const { ends, plan } = await judge(spoil.join(" && "), clean.join(" && "));
    expect(ends).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
    expect(plan).toMatchObject({ phase: "Complete", reason: "CriteriaMet" });
  });

  it("leaves no process behind, in its group or out of it, that could rewrite what came of it", async () => {
    const forging =
      "while :; do echo '{\"exitCode\":0}' > /dev/termination-log; echo forged >> /workspace/repo/file.txt; done";
    const leave = `sh -c '${forging}' & setsid sh -c '${forging}' & readlink /proc/self/ns/pid`;
    const { ends, plan } = await judge(leave, 'test "$(cat file.txt)" = published && exit 3');
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 3]);
    expect(plan).toMatchObject({ phase: "Failed", verifierExitCode: 3 });
    const namespace = ends[0]!.log.trim();
    expect(namespace).toMatch(/^pid:\[[0-9]+\]$/);
    expect(await livingIn(namespace)).toEqual([]);
  });

  it("says what it likes in its message and is not believed", async () => {
    const forged = JSON.stringify({ command: "true", exitCode: 0, output: "all passed" });
    const { ends, plan } = await judge("true", `printf %s '${forged}' > /dev/termination-log; exit 4`);
    expect(ends).toMatchObject([{ exitCode: 0 }, { exitCode: 4, message: forged }]);
    expect(plan).toMatchObject({ phase: "Failed", reason: "CriteriaFailed", verifierExitCode: 4 });
    expect(plan.ending?.message).toMatch(/^`printf .* ended with exit code 4 on the published branch\.$/);
  });

  it.each([
    ["SIGKILL", 137],
    ["SIGTERM", 143],
  ])(
    "has failed where its program ends itself by %s, as a runner of tests does whose tests were killed",
    async (signal, exitCode) => {
      const command = `exec node -e 'process.kill(process.pid, "${signal}"); setTimeout(() => {}, 500)'`;
      expect((await judge(command)).ends).toMatchObject([{ exitCode }]);
    },
  );
});

describe("a criterion", () => {
  it("is run at the root of a checkout of the commit, which is a repository of Git", async () => {
    const { ends, plan } = await judge("pwd; git log --format=%s; cat file.txt", "git diff --quiet HEAD~1 -- file.txt");
    expect(ends[0]).toEqual({
      exitCode: 0,
      message: "",
      log: "/workspace/repo\nAdd takeover.mjs\nAdd file.txt\npublished\n",
    });
    expect(plan.phase).toBe("Complete");
  });

  it("that fails keeps those behind it from being run, and shows the end of its output", async () => {
    const { ends, plan } = await judge("true", "seq 1 2000; echo 'it broke' >&2; exit 3", "true");
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 3]);
    expect(plan).toMatchObject({ phase: "Failed", verifierExitCode: 3 });
    expect(plan.ending?.evidence).toMatch(/\n2000\nit broke\n$/);
  });

  it.each([
    ["no-such-program", 127],
    ["./file.txt", 126],
    ["false", 1],
    ["test \"$0 $(( 6 * 7 )) ${HOME}\" = '/bin/sh 42 /tmp/home'", 0],
  ])("`%s` ends with %i", async (command, exitCode) => {
    expect((await judge(command)).ends).toMatchObject([{ exitCode }]);
  });

  it("is over when its shell has ended, whatever it left in the background", async () => {
    expect((await judge("sleep 1000 & setsid sleep 1000 & true")).ends).toMatchObject([{ exitCode: 0 }]);
  });

  it("sees what the agent's own check sees, and nothing of ours or of the cluster's", async () => {
    const { ends } = await judge("env");
    const names = ends[0]!.log.match(/^\w+(?==)/gm);
    const ofTheShell = ["OLDPWD", "PWD", "SHLVL", "_"];
    expect(names?.filter((name) => !ofTheShell.includes(name)).toSorted()).toEqual(
      Object.keys(commandEnvironment({ PATH: "", TMPDIR: "", NO_PROXY: "" }, "")).toSorted(),
    );
    expect(ends[0]!.log).toContain("PATH=/opt:/usr/local/bin:/usr/bin:/bin\n");
  });

  it("is not met where the commit cannot be checked out", async () => {
    await rm(join(volumes.dir, "fetch", "repo.git"), { recursive: true });
    const { ends, plan } = await judge("true", "true");
    expect(ends).toMatchObject([{ exitCode: 125, log: expect.stringContaining("could not be checked out") }]);
    expect(plan.ending?.evidence).toContain("could not be checked out");
  });
});
