import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, it, jest } from "@jest/globals";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { waitFor } from "#platform/process/wait.ts";
import { programStage } from "./stage.ts";

jest.setTimeout(60_000);

const stage = programStage();

const shell = (script: string, more: object = {}): object => ({
  kind: "Custom",
  command: ["sh", "-c", script],
  ...more,
});
const payloads = (type: string) => stage.payloads(type);

const proposed = (path: string): string => stage.at.git(stage.at.fetched, "show", `proposal:${path}`);

describe("a program as the agent", () => {
  it("is, as the sample's script, told, recorded and proposed, and its change passes the tests that the base fails", async () => {
    const sample = parse(await readFile("manifests/samples/own-agent.yaml", "utf8")) as Mission;
    const end = await stage.start(sample.spec.team[0]?.runtime ?? {}).end;
    expect([end.code, end.output]).toEqual([0, expect.stringContaining("I was told: Goal: The test")]);
    expect(payloads("DECISION_RATIONALE")).toHaveLength(1);
    expect(payloads("STATE_CHANGE")).toMatchObject([{ file_modified: "src/token-bucket.js", depends_on: [] }]);
    await stage.fetchProposal();
    expect([stage.passesAt("main"), stage.passesAt("proposal")]).toEqual([false, true]);
  });

  it("has what it left uncommitted, committed itself or added proposed as one commit, without what Git ignores", async () => {
    const script = [
      "echo 'ignored.txt' >> .gitignore && echo no > ignored.txt",
      "echo committed > committed.txt && git add committed.txt && git commit --quiet -m mine",
      "echo more >> README.md",
      "echo new > new.txt",
    ].join("\n");
    const end = await stage.start(shell(script)).end;
    expect([end.code, end.termination.outcome, end.termination.reason]).toEqual([0, "Succeeded", "Proposed"]);
    const [proposal] = payloads("PROPOSAL");
    expect(proposal).toMatchObject({
      title: "The test test/token-bucket.test.js fails (node --test). Make it pass.",
      repo: "https://forge.example/samples/turnstile.git",
      branch: "main",
      base: stage.at.git(stage.at.fetched, "rev-parse", "main").trim(),
      head: end.termination.headSHA,
    });
    expect(proposal?.["body"]).toMatch(/Made by sh\.$/);
    await stage.fetchProposal();
    const files = stage.at.git(stage.at.fetched, "diff", "--name-only", "main", "proposal").trim().split("\n");
    expect(files).toEqual([".gitignore", "README.md", "committed.txt", "new.txt"]);
    expect(stage.at.git(stage.at.fetched, "rev-list", "--count", "main..proposal").trim()).toBe("1");
    expect(proposed("committed.txt")).toBe("committed\n");
    expect(stage.at.recorder.flags).toEqual([]);
  });

  it("is told its task by a variable, a file and {task}, has its home on the volume and outside of the tree, and the ports of the pod", async () => {
    const script = [
      'printf "%s" "$1" > argument.txt',
      'printf "%s" "$ENCHANTED_TASK" > variable.txt',
      'cat "$ENCHANTED_TASK_FILE" > file.txt',
      "env | sort > env.txt",
      "pwd > where.txt",
      "echo kept > $HOME/kept",
    ].join("\n");
    const runtime = shell(script, { args: ["name", "do: {task}"], env: [{ name: "MINE", value: "$HOME & {task}" }] });
    const end = await stage.start(runtime, { ENCHANTED_TASK: "Mend $& it.", ENCHANTED_PROXY_PORT: "4323" }).end;
    expect([end.code, end.output]).toEqual([0, expect.any(String)]);
    await stage.fetchProposal();
    const task = proposed("variable.txt");
    expect(task).toMatch(
      /^Goal: The test .*\n\nYour task: Mend \$& it\.\n\nThe work counts as done .*\n- `node --test`$/s,
    );
    expect(proposed("argument.txt")).toBe(`do: ${task}`);
    expect(proposed("file.txt")).toBe(`${task}\n`);
    expect(proposed("where.txt")).toBe(`${stage.volume("repo")}\n`);
    expect(await readFile(stage.volume("home", "kept"), "utf8")).toBe("kept\n");
    const lines = proposed("env.txt").split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        `HOME=${stage.volume("home")}`,
        `OPENAI_BASE_URL=http://127.0.0.1:${stage.at.modelPort}/v1`,
        "ANTHROPIC_BASE_URL=http://127.0.0.1:4321/anthropic",
        "HTTPS_PROXY=http://127.0.0.1:4323",
        "MINE=$HOME & {task}",
        expect.stringMatching(/^TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-/),
      ]),
    );
    expect(lines.filter((line) => /^ENCHANTED_(RUNTIME|POLICY|FETCHED|TERMINATION)/.test(line))).toEqual([]);
  });

  it("is observed while it works: one look makes a frame a file, with patch, hashes and dependencies", async () => {
    const go = join(stage.at.directory, "go");
    const script = `echo 'import "./b.js";' > src/a.js; echo 'export {};' > src/b.js; until [ -e ${go} ]; do sleep 0.05; done`;
    const { end } = stage.start(shell(script));
    await stage.at.recorder.until(({ payload }) => payload["file_modified"] === "src/b.js");
    expect(payloads("PROPOSAL")).toEqual([]);
    await writeFile(go, "");
    expect((await end).code).toBe(0);
    const changes = payloads("STATE_CHANGE");
    const seen = changes.filter(({ file_modified: file }) => file === "src/a.js" || file === "src/b.js");
    expect(seen.map(({ file_modified, change, observed_by }) => [file_modified, change, observed_by])).toEqual([
      ["src/a.js", "added", "wrapper"],
      ["src/b.js", "added", "wrapper"],
    ]);
    expect(seen[0]).toMatchObject({
      lines_added: 1,
      depends_on: ["src/b.js"],
      patch: expect.stringContaining('+import "./b.js";'),
    });
    const base = stage.at.git(stage.at.fetched, "rev-parse", "main^{tree}").trim();
    expect(changes[0]?.["old_state_hash"]).toBe(base);
    await stage.fetchProposal();
    expect(changes.at(-1)?.["new_state_hash"]).toBe(
      stage.at.git(stage.at.fetched, "rev-parse", "proposal^{tree}").trim(),
    );
  });

  it("tells its own frames on FD 3, before the proposal", async () => {
    const line = '{"event_type":"DECISION_RATIONALE","reasoning":"because","rejected_alternatives":[]}';
    const end = await stage.start(shell(`echo '${line}' >&3; echo x > x; sleep 0.2`)).end;
    expect(end.code).toBe(0);
    const types = stage.at.recorder.frames.map(({ event_type }) => event_type);
    expect(types).toContain("DECISION_RATIONALE");
    expect(types.at(-1)).toBe("PROPOSAL");
  });

  it("says what its proposal is about in a file, of which nothing but a file is taken", async () => {
    const words = 'printf "Keep it\\n\\nAt each refill.\\n" > "$ENCHANTED_PROPOSAL_FILE"';
    const pipe = 'mkfifo "$(dirname "$ENCHANTED_PROPOSAL_FILE")/last-message.md"';
    expect((await stage.start(shell(`echo x > x; ${words}; ${pipe}`)).end).code).toBe(0);
    expect(payloads("PROPOSAL")).toMatchObject([{ title: "Keep it", body: "At each refill.\n\nMade by sh." }]);
    expect(payloads("ERROR")).toMatchObject([{ message: expect.stringContaining("not a regular file"), fatal: false }]);
  });

  it("succeeds without a proposal where it changed nothing", async () => {
    const end = await stage.start(shell("echo looked")).end;
    expect([end.code, end.termination]).toEqual([
      0,
      { outcome: "Succeeded", reason: "NoChanges", message: "sh ended well and changed nothing" },
    ]);
    expect(end.output).toContain("looked");
    expect(payloads("PROPOSAL")).toEqual([]);
  });

  it.each([
    ["fails with its exit code", shell("exit 7"), 1, "ProgramFailed", /exit code 7/],
    ["fails by a signal", shell("kill -KILL $$"), 1, "ProgramFailed", /SIGKILL/],
    ["cannot be started", { kind: "Custom", command: ["/no/such"] }, 2, "CommandNotStarted", /such .*ENOENT/],
  ])("%s as the cortex does", async (_name, runtime, code, reason, message) => {
    const end = await stage.start(runtime).end;
    expect([end.code, end.termination]).toMatchObject([code, { outcome: "Failed", reason }]);
    expect(end.termination.message).toMatch(message);
    expect(payloads("ERROR").at(-1)).toMatchObject({ fatal: true, message: expect.stringMatching(message) });
    expect(payloads("PROPOSAL")).toEqual([]);
  });

  it("keeps the work of a program that failed, and the next attempt goes on from it", async () => {
    expect((await stage.start(shell("echo half > half.txt; exit 1")).end).code).toBe(1);
    const [snapshot] = payloads("SNAPSHOT");
    expect(snapshot).toMatchObject({ reason: "end" });
    await rm(stage.volume(), { recursive: true });
    await rm(join(stage.at.directory, "termination"));
    stage.at.git(stage.at.directory, "init", "--quiet", "workspace");
    await rm(stage.volume(".git"), { recursive: true });
    const script = 'cat half.txt > whole.txt; printf "%s" "$ENCHANTED_TASK" > told.txt';
    const end = await stage.start(shell(script), {
      ENCHANTED_ATTEMPT: "2",
      ENCHANTED_RESUME_SNAPSHOT: String(snapshot?.["manifest"]),
    }).end;
    expect(end.code).toBe(0);
    await stage.fetchProposal();
    expect(proposed("whole.txt")).toBe("half\n");
    expect(proposed("told.txt")).toMatch(/goes on now as attempt 2/);
  });

  it("is asked to stop, then its process group is killed, and its work is kept", async () => {
    const pid = join(stage.at.directory, "pid");
    const script = `trap '' TERM; sh -c 'trap "" TERM; while :; do sleep 0.1; done' & echo $! > ${pid}; echo half > half.txt; wait`;
    const { child, end } = stage.start(shell(script), { ENCHANTED_AGENT_STOP_MS: "5000" });
    await stage.at.recorder.until(({ event_type }) => event_type === "STATE_CHANGE");
    child.kill("SIGTERM");
    const { code, termination } = await end;
    expect([code, termination.reason]).toEqual([143, "Stopped"]);
    expect(payloads("SNAPSHOT")).toMatchObject([{ reason: "end" }]);
    expect(payloads("PROPOSAL")).toEqual([]);
    // Gone, or a zombie that waits for its parent.
    const left = join("/proc", (await readFile(pid, "utf8")).trim(), "stat");
    const isGone = async (): Promise<boolean> => /\) Z/.test(await readFile(left, "utf8").catch(() => ") Z"));
    await waitFor("the end of what it left behind", isGone, { timeoutMs: 5_000, intervalMs: 20 });
  });

  it("fails where what it changed would not be published, and says so while it works", async () => {
    const script = "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml";
    const end = await stage.start(shell(script)).end;
    expect([end.code, end.termination.reason]).toEqual([1, "NotPublishable"]);
    expect(end.termination.message).toMatch(/\.github\/workflows\/x\.yml/);
    expect(payloads("ERROR")[0]).toMatchObject({
      fatal: false,
      message: expect.stringMatching(/will not be published/),
    });
  });

  it("is stopped where it cannot be recorded any more", async () => {
    const go = join(stage.at.directory, "go");
    const { end } = stage.start(
      shell(`echo a > a.txt; until [ -e ${go} ]; do sleep 0.05; done; echo b > b.txt; sleep 100`),
      { ENCHANTED_RECORDER_WAIT_MS: "500" },
    );
    await stage.at.recorder.until(({ event_type }) => event_type === "STATE_CHANGE");
    await stage.at.recorder.vanish();
    await writeFile(go, "");
    const { code, termination } = await end;
    expect([code, termination.reason]).toEqual([1, "RecorderUnavailable"]);
  });

  it("has a limit of time", async () => {
    const end = await stage.start(shell("sleep 100"), { ENCHANTED_TIME_LIMIT_MS: "500" }).end;
    expect([end.code, end.termination.reason]).toEqual([1, "TimeLimit"]);
  });

  it("says that its image lacks Git", async () => {
    const end = await stage.start(shell("true"), { PATH: "/nonexistent" }).end;
    expect([end.code, end.termination.reason]).toEqual([2, "GitNotFound"]);
    expect(existsSync(stage.volume("repo", ".git"))).toBe(false);
  });
});
