import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enchanted, payloads, say, setCliStage, type CliStage, type Ended } from "./cli-stage.ts";

jest.setTimeout(120_000);

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: stage.cwd, encoding: "utf8" });

describe("what the program does not say", () => {
  it("is observed in a Git work tree, without touching its index, and told in one batch", async () => {
    git("init", "-q");
    await writeFile(join(stage.cwd, "a.txt"), "1\n2\n3\n4\n");
    await writeFile(join(stage.cwd, "b.txt"), "b\n");
    git("add", "-A");
    git("commit", "-qm", "first");
    const script = "mv a.txt c.txt; echo more >> b.txt; mkdir d; echo new > 'd/ü x'";
    expect(await stage.cli(["run", "--", "bash", "-c", script])).toMatchObject({ code: 0 });
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(
      changes.map(({ change, file_modified, old_path, lines_added }) => [change, file_modified, old_path, lines_added]),
    ).toEqual([
      ["modified", "b.txt", undefined, 1],
      ["renamed", "c.txt", "a.txt", 0],
      ["added", "d/ü x", undefined, 1],
    ]);
    expect(changes.map(({ new_state_hash }) => typeof new_state_hash)).toEqual(["undefined", "undefined", "string"]);
    expect(changes[0]?.["patch"]).toContain("+more");
    expect(git("diff", "--cached", "--name-only")).toBe("");
  });

  it("is told with what the changed files import, by the tree that they are in", async () => {
    git("init", "-q");
    await writeFile(join(stage.cwd, "session.py"), "");
    git("add", "-A");
    git("commit", "-qm", "first");
    const write = String.raw`printf 'import os, requests\nfrom session import open\n' > login.py; echo hm > notes.txt`;
    const until = (file: string): string =>
      `until grep -q '"file_modified":"${file}"' swarm_context.jsonl; do sleep 0.05; done`;
    const script = [write, until("notes.txt"), "mv login.py auth.py; rm session.py", until("session.py")].join("; ");
    await stage.cli(["run", "--", "bash", "-c", script]);
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(changes.map(({ change, file_modified, depends_on }) => [change, file_modified, depends_on])).toEqual([
      ["added", "login.py", ["pkg:pypi/requests", "session.py"]],
      ["added", "notes.txt", undefined],
      ["renamed", "auth.py", ["pkg:pypi/requests", "pkg:pypi/session"]],
      ["deleted", "session.py", undefined],
    ]);
  });

  it("keeps the patch of each file where one becomes a link, and text looks like a diff behind a lone CR", async () => {
    git("init", "-q");
    await writeFile(join(stage.cwd, "a.txt"), "a\n");
    await writeFile(join(stage.cwd, "c.txt"), "c\n");
    git("add", "-A");
    git("commit", "-qm", "first");
    const script = String.raw`rm a.txt; ln -s c.txt a.txt; printf 'old mac\rdiff --git a/x b/x\r\n' >> c.txt`;
    await stage.cli(["run", "--", "bash", "-c", script]);
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(changes.map(({ file_modified, patch }) => [file_modified, String(patch).split("\n")[0]])).toEqual([
      ["a.txt", "diff --git a/a.txt b/a.txt"],
      ["c.txt", "diff --git a/c.txt b/c.txt"],
    ]);
    expect(changes[0]?.["patch"]).toContain("new file mode 120000");
    expect(changes[1]?.["patch"]).toContain("+old mac");
  });

  it("is named at its start and end: command line without secrets, directory, commit, exit code", async () => {
    git("init", "-q");
    git("commit", "-q", "--allow-empty", "-m", "first");
    const token = ["gh", "p_", "a1B2".repeat(9)].join("");
    await stage.cli(["run", "--", "bash", "-c", "exit 3", token]);
    const here = await realpath(stage.cwd);
    expect(payloads(await stage.lines(), "LIFECYCLE")).toEqual([
      {
        phase: "Started",
        attempt: 1,
        program: "bash",
        arguments: ["-c", "exit 3", expect.stringMatching(/^\[redacted:/)],
        directory: here,
        observing: here,
        commit: git("rev-parse", "HEAD").trim(),
      },
      { phase: "Stopped", attempt: 1, reason: "Exited", exit_code: 3 },
    ]);
  });

  it("is observed beside what Git cannot take, which is named", async () => {
    git("init", "-q");
    await stage.cli(["run", "--", "bash", "-c", "git init -q nested; echo a > nested/a; echo b > b"]);
    const { stderr } = await stage.cli(["run", "--", "bash", "-c", "echo c > c; mkdir d; git init -q d/e"]);
    const changes = payloads(await stage.lines(), "STATE_CHANGE").map(({ file_modified }) => file_modified);
    expect(changes).toEqual(["b", "c"]);
    expect(stderr).toBe("enchanted: not observed, as Git cannot take it: nested, d/e\n");
  });

  it("is not observed where the user's own rules hide it", async () => {
    git("init", "-q");
    const home = await mkdtemp(join(tmpdir(), "home-"));
    await writeFile(join(home, "ignored"), "*.secret\n");
    await mkdir(join(home, ".config/git"), { recursive: true });
    await writeFile(join(home, ".config/git/ignore"), "*.local\n");
    const script = "echo a > a.secret; echo b > b.local; echo c > c.txt";
    const changed = async (env: Record<string, string>): Promise<unknown[]> => {
      const file = `${Object.keys(env).length}.jsonl`;
      const command = [enchanted, "run", "--quiet", "--file", file, "--", "bash", "-c", script];
      await stage.start(command, { env: { HOME: home, XDG_CONFIG_HOME: "", ...env } }).ended;
      git("clean", "-fdxq", "-e", "*.jsonl");
      return payloads(await stage.lines(file), "STATE_CHANGE").map(({ file_modified }) => file_modified);
    };
    expect(await changed({})).toEqual(["a.secret", "c.txt"]);
    await writeFile(join(home, ".gitconfig"), `[core]\n\texcludesFile = ~/ignored\n`);
    expect(await changed({ ANOTHER: "1" })).toEqual(["b.local", "c.txt"]);
    await rm(home, { recursive: true });
  });

  it("is observed but for the files of which it tells itself, and not where nobody wants it", async () => {
    git("init", "-q");
    const tell = (member: string): string => `echo '{"event_type":"STATE_CHANGE",${member}}' >&3`;
    const own = [tell('"file_modified":"x"'), tell('"payload":{"file_modified":"./d/z"}'), tell('"module":"auth"')];
    await stage.cli(["run", "--", "bash", "-c", `${own.join(";")}; mkdir d; echo x > x; echo y > d/y; echo z > d/z`]);
    await stage.cli(["run", "--no-observe", "--", "bash", "-c", "echo u > u"]);
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(changes.slice(0, 3)).toEqual([{ file_modified: "x" }, { file_modified: "./d/z" }, { module: "auth" }]);
    expect(changes.slice(3).map(({ file_modified, batch }) => [file_modified, batch])).toEqual([
      ["d/y", { id: expect.any(String), index: 0, count: 1 }],
    ]);
  });
});

/** A `git` before the real one that waits, in the calls of one subcommand, for as long as there is a file `hold`. */
const heldGit = async (subcommand: string): Promise<Record<string, string>> => {
  const bin = join(stage.cwd, ".git/bin");
  await mkdir(bin);
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const hold = join(stage.cwd, ".git/hold");
  const script = `#!/bin/sh\ncase " $* " in *" ${subcommand} "*) while [ -e "${hold}" ]; do sleep 0.05; done;; esac\nexec ${real} "$@"\n`;
  await writeFile(join(bin, "git"), script, { mode: 0o755 });
  return { PATH: `${bin}:${process.env["PATH"]}` };
};

describe("the time that observing takes", () => {
  beforeEach(() => void git("init", "-q"));

  it("is none of the program's: it runs before anything was looked at, and its first changes are seen", async () => {
    await writeFile(join(stage.cwd, "a"), "1\n");
    await writeFile(join(stage.cwd, "b"), "1\n");
    git("add", "-A");
    git("commit", "-qm", "first");
    await writeFile(join(stage.cwd, "b"), "the user's\n");
    await writeFile(join(stage.cwd, "before"), "1\n");
    const env = await heldGit("diff-files");
    await writeFile(join(stage.cwd, ".git/hold"), "");
    const script = "echo 2 >> a; mv b d; echo new > c; echo 2 >> before; rm .git/hold";
    expect(await stage.cli(["run", "--", "bash", "-c", script], { env })).toMatchObject({ code: 0, stderr: "" });
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(
      changes.map(({ change, file_modified, before_unknown, patch }) => [
        change,
        file_modified,
        before_unknown ?? typeof patch,
      ]),
    ).toEqual([
      ["modified", "a", true],
      ["deleted", "b", true],
      ["modified", "before", true],
      ["added", "c", true],
      ["added", "d", true],
    ]);
    expect(JSON.stringify(changes)).not.toContain("the user's");
  });

  it("has an end, and what was not observed is named", async () => {
    const env = await heldGit("update-index");
    const script = "echo x > x; echo y > y; touch .git/hold; exit 3";
    expect(await stage.cli(["run", "--", "bash", "-c", script], { env })).toMatchObject({
      code: 3,
      stderr: "enchanted: the last changes of files, perhaps of x, y, were not observed: there was no time left\n",
    });
    expect(payloads(await stage.lines(), "LIFECYCLE")).toHaveLength(2);
  });

  it("is not spent on the content of large files, which are named", async () => {
    git("commit", "-q", "--allow-empty", "-m", "first");
    for (const name of ["big", "still"]) {
      await writeFile(join(stage.cwd, name), "x");
      await truncate(join(stage.cwd, name), 8 * 2 ** 30);
    }
    const script = "echo x >> big; truncate -s 3G made; mv made 'm ü'; echo small > small";
    expect(await stage.cli(["run", "--", "bash", "-c", script])).toMatchObject({
      code: 0,
      stderr: "enchanted: observed without its content, over 16 MiB: big, m ü\n",
    });
    const changes = payloads(await stage.lines(), "STATE_CHANGE");
    expect(changes.map(({ change, file_modified, lines_added }) => [change, file_modified, lines_added])).toEqual([
      ["modified", "big", undefined],
      ["added", "m ü", undefined],
      ["added", "small", 1],
    ]);
    expect(JSON.stringify(changes)).not.toContain("\\u0000");
  });
});

describe("the record in a work tree", () => {
  it("is no part of it: neither status, commit nor stash sees it", async () => {
    git("init", "-q");
    git("commit", "-q", "--allow-empty", "-m", "first");
    const script = `${say("a")}; echo x > x; git stash -uq; ${say("b")}; echo y > y; git add -A; git -c user.name=a -c user.email=a@b commit -qm y`;
    expect(await stage.cli(["run", "--file", "d [1]!.jsonl", "--", "bash", "-c", script])).toMatchObject({ code: 0 });
    expect(await stage.cli(["run", "--", "bash", "-c", say("c")])).toMatchObject({ code: 0, stderr: "" });
    expect(git("status", "--porcelain")).toBe("");
    expect(git("ls-files")).toBe("y\n");
    expect(payloads(await stage.lines("d [1]!.jsonl"), "THOUGHT")).toEqual([{ text: "a" }, { text: "b" }]);
    const rules = await readFile(join(stage.cwd, ".git/info/exclude"), "utf8");
    await stage.cli(["run", "--", "true"]);
    expect(await readFile(join(stage.cwd, ".git/info/exclude"), "utf8")).toBe(rules);
  });

  it("is missed aloud where somebody removes it", async () => {
    const { code, stderr } = await stage.cli(["run", "--", "bash", "-c", "rm swarm_context.jsonl; exit 3"]);
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: expect.stringMatching(
        /^enchanted: the record is gone: .*swarm_context\.jsonl was removed or replaced.*\n$/,
      ),
    });
  });
});

describe("two runs in one work tree", () => {
  it("take nothing that the other one writes for itself, and name each other where a change may be of either", async () => {
    git("init", "-q");
    // A record that the repository has, a temporary directory and a state directory in the tree: nothing hides them.
    await writeFile(join(stage.cwd, "b.jsonl"), "");
    await mkdir(join(stage.cwd, "tmp"));
    git("add", "-A");
    git("commit", "-qm", "first");
    const env = { TMPDIR: join(stage.cwd, "tmp"), XDG_STATE_HOME: join(stage.cwd, "state") };
    const until = (name: string): string => `while [ ! -e ${name} ]; do sleep 0.05; done`;
    const run = (file: string, script: string): Promise<Ended> =>
      stage.cli(["run", "--file", file, "--", "bash", "-c", script], { env });
    const one = run("a.jsonl", `touch 1; ${until("2")}; ${say("a")}; echo x > shared; ${until(".git/over")}`);
    while (
      !(await stat(join(stage.cwd, "1")).then(
        () => true,
        () => false,
      ))
    )
      await new Promise(setImmediate);
    const two = run("b.jsonl", `touch 2; ${until("shared")}; ${say("b")}`);
    expect(await two).toMatchObject({ code: 0, stderr: "" });
    await writeFile(join(stage.cwd, ".git/over"), "");
    expect(await one).toMatchObject({ code: 0, stderr: "" });
    const changes = async (file: string): Promise<Array<Record<string, unknown>>> =>
      payloads(await stage.lines(file), "STATE_CHANGE");
    const uid = async (file: string): Promise<unknown> =>
      ((await stage.lines(file))[0]?.["enchanted"] as { envelope: { agent_uid: string } } | undefined)?.envelope
        .agent_uid;
    const [ofOne, ofTwo] = [await changes("a.jsonl"), await changes("b.jsonl")];
    const named = (frames: typeof ofOne): Set<unknown> => new Set(frames.map(({ file_modified }) => file_modified));
    expect(named(ofOne)).toEqual(new Set(["1", "2", "shared"]));
    expect(named(ofTwo)).toEqual(new Set(["2", "shared"]));
    const shared = [...ofOne, ...ofTwo].filter(({ file_modified }) => file_modified === "shared");
    expect(shared.map(({ also_running }) => also_running)).toEqual([[await uid("b.jsonl")], [await uid("a.jsonl")]]);
    expect(await readdir(join(stage.cwd, "state/enchanted/runs"))).toEqual([]);
    expect(await readdir(join(stage.cwd, "tmp"))).toEqual([]);
  });
});
