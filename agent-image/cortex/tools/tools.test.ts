import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Git } from "#nervous-system/git/git.ts";
import { defaultPolicy } from "#nervous-system/git/change-policy.ts";
import { bundleRef } from "#nervous-system/git/proposal-bundle.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createWorkspaceFiles } from "../workspace/files.ts";
import { createObserver, type Observer } from "../workspace/observation.ts";
import { bundleCommit, prepareRepository, type Repository } from "../workspace/repository.ts";
import { createWorkspaceTools } from "./registry.ts";
import type { Tool, ToolAnswer } from "./tool.ts";

let top: string;
let root: string;
let repository: Repository;
let observer: Observer;
let tools: ReadonlyMap<string, Tool>;

const git = (cwd: string, ...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });

const seed = async (): Promise<string> => {
  const source = join(top, "source");
  await mkdir(join(source, "src"), { recursive: true });
  await writeFile(join(source, "src/a.js"), "const one = 1;\nconst two = 2;\nconst three = 3;\n");
  await writeFile(join(source, ".gitignore"), "ignored/\n");
  git(source, "init", "--quiet", "--initial-branch=trunk");
  git(source, "add", "--all");
  git(source, "commit", "--quiet", "--message", "base");
  git(top, "clone", "--quiet", "--bare", source, "fetched.git");
  return join(top, "fetched.git");
};

beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), "tools-")));
  root = join(top, "work");
  const clock = systemClock();
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
  repository = await prepareRepository({
    fetched: await seed(),
    workTree: root,
    privateDir: join(top, "private"),
    revisions: ["trunk"],
    author: { name: "agent", email: "agent@example.invalid" },
    env,
    clock,
  });
  observer = createObserver(repository);
  const files = createWorkspaceFiles(root, () => randomIds().next());
  const context = { repository, files, clock, commandEnv: env };
  const all = createWorkspaceTools(context, (pid, signal) => process.kill(pid, signal));
  tools = new Map(all.map((tool) => [tool.name, tool]));
});

afterEach(() => rm(top, { recursive: true }));

const call = (name: string, input: object, signal = new AbortController().signal): Promise<ToolAnswer> => {
  const tool = tools.get(name);
  if (tool === undefined) throw new Error(`no tool ${name}`);
  return tool.run(input, { signal, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
};

const patch = `diff --git a/src/a.js b/src/a.js
--- a/src/a.js
+++ b/src/a.js
@@ -1,9 +1,9 @@
 const one = 1;
-const two = 2;
+const two = "two";
 const three = 3;
`;

describe("every tool", () => {
  it("describes itself and each of its inputs", () => {
    for (const tool of tools.values()) {
      expect(tool.description.length).toBeGreaterThan(20);
      for (const field of Object.values(tool.input.shape))
        expect(field).toHaveProperty("description", expect.any(String));
    }
  });
});

describe("looking", () => {
  it("lists tracked and new files, not ignored ones", async () => {
    await writeFile(join(root, "new.txt"), "x");
    await mkdir(join(root, "ignored"));
    await writeFile(join(root, "ignored/x"), "x");
    expect((await call("list_files", {})).text.split("\n").toSorted()).toEqual([".gitignore", "new.txt", "src/a.js"]);
    expect((await call("list_files", { path: "src" })).text).toBe("src/a.js");
    await expect(call("list_files", { path: "../source" })).rejects.toThrow("outside");
  });

  it("reads with line numbers, in part when asked", async () => {
    expect((await call("read_file", { path: "src/a.js", first_line: 2, last_line: 2 })).text).toBe(
      "     2\tconst two = 2;\n[… the file goes on to line 3 …]",
    );
    await writeFile(join(root, "bin"), Buffer.from([1, 0, 2]));
    await expect(call("read_file", { path: "bin" })).rejects.toThrow("binary");
  });

  it("searches tracked and new files, and not what links lead to", async () => {
    await writeFile(join(top, "secret"), "const secret = 1;\n");
    await symlink("../secret", join(root, "link"));
    await writeFile(join(root, "new.txt"), "const four = 4;\n");
    const found = (await call("search", { pattern: "^const (three|four|secret)" })).text;
    expect(found.split("\n").toSorted()).toEqual(["new.txt:1:const four = 4;", "src/a.js:3:const three = 3;"]);
    expect((await call("search", { pattern: "no such thing" })).text).toBe("nothing found");
    await expect(call("search", { pattern: "(" })).rejects.toMatchObject({ name: "ToolFailure" });
  });
});

describe("changing", () => {
  it("applies a diff whose line counts are wrong", async () => {
    await call("apply_patch", { patch });
    expect(await readFile(join(root, "src/a.js"), "utf8")).toContain('"two"');
  });

  it("applies nothing of a diff that does not fit, and says why", async () => {
    await expect(call("apply_patch", { patch: patch.replace("const one", "const uno") })).rejects.toThrow(
      "does not apply",
    );
    expect((await observer.observe()).changes).toEqual([]);
  });

  it.each(["../evil", ".git/hooks/pre-commit", "link/evil"])("applies no diff to %s", async (path) => {
    await symlink("..", join(root, "link"));
    const evil = `diff --git a/${path} b/${path}\nnew file mode 100644\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+x\n`;
    await expect(call("apply_patch", { patch: evil })).rejects.toMatchObject({ name: "ToolFailure" });
    await expect(readFile(join(top, "evil"))).rejects.toThrow("ENOENT");
  });

  it("shows and commits what changed, new files too", async () => {
    await call("write_file", { path: "docs/new.md", content: "hello\n" });
    expect((await call("git", { subcommand: "diff" })).text).toContain("+hello");
    expect((await call("git", { subcommand: "status" })).text).toContain("docs/new.md");
    await call("git", { subcommand: "commit", message: "Add docs" });
    expect((await call("git", { subcommand: "log", count: 1 })).text).toContain("Add docs");
    await expect(call("git", { subcommand: "commit", message: "again" })).rejects.toThrow("nothing to commit");
  });
});

describe("run_command", () => {
  it("answers the exit code, both outputs, and gives children the trace and no more of our environment", async () => {
    const command = 'echo out; echo err >&2; echo "$TRACEPARENT"; env; exit 3';
    const answer = await call("run_command", { command });
    expect(answer.ok).toBe(false);
    expect(answer.text).toMatch(/^exit code 3 after \d+ ms\nout\nerr\n00-0af7651916cd43dd8448eb211c80319c/);
    expect(process.env).toHaveProperty("JEST_WORKER_ID");
    expect(answer.text).not.toContain("JEST_WORKER_ID");
  });

  it("keeps the head and the tail of an endless output and ends at the limit", async () => {
    const answer = await call("run_command", { command: "yes", timeout_seconds: 1 });
    expect(answer.text).toMatch(/^exit code \d+: killed at its limit of 1000 ms/);
    expect(answer.text).toContain("characters left out");
    expect(answer.text.length).toBeLessThan(500_000);
  }, 15_000);

  it("kills a command that ignores SIGTERM, with all that it started", async () => {
    const command = "trap '' TERM; sleep 1000 & echo child $!; while true; do sleep 1; done";
    const answer = await call("run_command", { command, timeout_seconds: 1 });
    const child = Number(/child (\d+)/.exec(answer.text)?.[1]);
    expect(answer.text).toContain("killed at its limit");
    expect(await gone(child)).toBe(true);
  }, 15_000);

  it("does not wait for a job left in the background, and ends it", async () => {
    const answer = await call("run_command", { command: "sleep 1000 & echo child $!" });
    expect(answer.ok).toBe(true);
    expect(await gone(Number(/child (\d+)/.exec(answer.text)?.[1]))).toBe(true);
  });

  it("ends when the agent is stopped", async () => {
    const stop = new AbortController();
    const running = call("run_command", { command: "sleep 1000" }, stop.signal);
    stop.abort();
    expect((await running).text).toContain("stopped");
  });
});

/** A killed process may be a zombie for a moment until init reaps it. */
const gone = async (pid: number): Promise<boolean> => {
  for (;;) {
    const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    if (state === "" || / Z /.test(state)) return true;
  }
};

describe("observation", () => {
  it("sees each file that a command changed, with its lines, and the tree that Git would commit", async () => {
    const command =
      "echo 'const four = 4;' >> src/a.js; git mv src/a.js src/b.js; echo x > added.txt; mkdir ignored; echo y > ignored/y; rm .gitignore";
    await call("run_command", { command });
    const seen = await observer.observe();
    expect(seen.before).toBe(repository.baseTree);
    const short = seen.changes.map(({ patch: diff, ...rest }) => ({ ...rest, diff: diff?.split("\n")[0] }));
    expect(short).toEqual([
      { path: ".gitignore", change: "deleted", added: 0, removed: 1, diff: "diff --git a/.gitignore b/.gitignore" },
      { path: "added.txt", change: "added", added: 1, removed: 0, diff: "diff --git a/added.txt b/added.txt" },
      { path: "ignored/y", change: "added", added: 1, removed: 0, diff: "diff --git a/ignored/y b/ignored/y" },
      {
        path: "src/b.js",
        change: "renamed",
        oldPath: "src/a.js",
        added: 1,
        removed: 0,
        diff: "diff --git a/src/a.js b/src/b.js",
      },
    ]);
    expect((await observer.observe()).changes).toEqual([]);
  });

  it("keeps the diff of each file where one becomes a link, and text looks like a diff behind a lone CR", async () => {
    await call("run_command", {
      command: String.raw`rm src/a.js; ln -s ../mac src/a.js; printf 'old mac\rdiff --git a/x b/x\n' > mac`,
    });
    const { changes } = await observer.observe();
    expect(changes.map(({ path, patch: diff }) => [path, diff?.split("\n")[0]])).toEqual([
      ["mac", "diff --git a/mac b/mac"],
      ["src/a.js", "diff --git a/src/a.js b/src/a.js"],
    ]);
    expect(changes[1]?.patch).toContain("new file mode 120000");
  });

  it("asks Git no more than else beside files that it could not take before", async () => {
    let calls = 0;
    const run: Git["run"] = (args, options) => ((calls += 1), repository.record.run(args, options));
    const counted = createObserver({ ...repository, record: { run } });
    await counted.observe();
    calls = 0;
    await counted.observe();
    const least = calls;
    const command =
      "echo '*.u working-tree-encoding=UTF-16' > .gitattributes; for i in $(seq 30); do printf abc > $i.u; done; git init -q own";
    await call("run_command", { command });
    const seen = await counted.observe();
    expect(seen.changes.map(({ path }) => path)).toEqual([".gitattributes"]);
    expect(seen.warnings.filter((one) => one.includes("neither recorded"))).toHaveLength(31);
    calls = 0;
    expect(await counted.observe()).toEqual({ before: seen.after, after: seen.after, changes: [], warnings: [] });
    expect(calls).toBe(least);
  });

  it("does not care what a command did to the working repository", async () => {
    await call("run_command", {
      command:
        "git config filter.evil.clean 'touch /tmp/never'; rm -rf .git/objects; echo new > n; echo '*.js filter=evil' > .gitattributes",
    });
    const seen = await observer.observe();
    expect(seen.changes.map((change) => change.path)).toEqual([".gitattributes", "n"]);
  });

  const pathsSeen = async (command: string) => {
    await call("run_command", { command });
    const { changes, warnings } = await observer.observe();
    return { paths: changes.map(({ path }) => path), warnings };
  };

  it.each([
    [
      "a repository without commits",
      "mkdir odd && cd odd && git init -q && echo x > x",
      '"odd" is a Git repository of its own',
    ],
    [
      "a repository with commits",
      "mkdir odd && cd odd && git init -q && echo x > x && git add x && git -c user.name=t -c user.email=t@t commit -qm x",
      '"odd" is a Git repository of its own',
    ],
    [
      "a file that is not in its encoding",
      "mkdir sub && printf abc > sub/odd && echo 'odd working-tree-encoding=UTF-16' > sub/.gitattributes",
      '"sub/odd" is not in the encoding that .gitattributes says',
    ],
    [
      "text that its encoding does not have",
      "mkdir sub && printf 'a\\377' > sub/odd && echo 'odd working-tree-encoding=ASCII' > sub/.gitattributes",
      '"sub/odd" is not in the encoding that .gitattributes says',
    ],
  ])("goes on beside %s, and says so once", async (_, command, warning) => {
    const first = await pathsSeen(command);
    await call("run_command", { command: "echo y > good.txt" });
    const second = await observer.observe();
    expect(second.changes.map(({ path }) => path)).toEqual(["good.txt"]);
    expect(first.warnings[0]).toContain(warning);
    expect(first.paths.filter((path) => path.endsWith("odd") && path !== "sub/odd")).toEqual([]);
    expect(second.warnings.join()).not.toContain("neither recorded");
  });

  it("keeps the repository's own submodules beside what Git cannot take", async () => {
    await repository.record.run(["update-index", "--add", "--cacheinfo", `160000,${repository.base},lib`]);
    expect((await pathsSeen("mkdir lib")).paths).toEqual(["lib"]);
    const odd = "printf abc > odd && echo 'odd working-tree-encoding=UTF-16' > .gitattributes";
    expect((await pathsSeen(odd)).paths).toEqual([".gitattributes"]);
  });

  it("takes the files of a repository that is one no more", async () => {
    await pathsSeen("mkdir odd && cd odd && git init -q && echo x > x");
    expect((await pathsSeen("rm -rf odd/.git")).paths).toEqual(["odd/x"]);
  });

  it("knows files outside of a sparse checkout from deleted ones, and takes what is written there", async () => {
    await pathsSeen("mkdir -p docs && echo d > docs/d && git add -A && git commit -qm docs");
    expect((await pathsSeen("git sparse-checkout set src && test ! -e docs/d && rm src/a.js")).paths).toEqual([
      "src/a.js",
    ]);
    expect((await pathsSeen("mkdir -p docs && echo e > docs/e")).paths).toEqual(["docs/e"]);
    await call("git", { subcommand: "commit", message: "Beside the checkout" });
    expect((await pathsSeen("git sparse-checkout disable; git rm -q docs/d")).paths).toEqual(["docs/d"]);
  });

  it("knows them whatever bytes the names beside them are, and their own", async () => {
    await pathsSeen(
      "mkdir docs && echo d > docs/d && echo e > docs/$(printf '\\377') && git add -A && git commit -qm docs",
    );
    const { after } = await observer.observe();
    await pathsSeen("git sparse-checkout set src && echo x > $(printf 'odd\\377')");
    const seen = await observer.observe();
    const names = await repository.record.run(["diff", "--name-status", "-z", after, seen.after]);
    expect(names.kind === "ok" && names.stdout.toString("latin1")).toBe("A\0odd\u00FF\0");
  });

  it.each([
    ["a symbolic link", "ln -s /etc/passwd link", '"link" is a symbolic link'],
    ["a file of CI", "mkdir .github && echo x > .github/ci.yml", "tells CI what to run"],
    ["a pointer of LFS", "printf 'version https://git-lfs.github.com/spec/v1\\n' > big", "a pointer of Git LFS"],
    ["another spelling", "mkdir SRC && echo x > SRC/b.js", "the same path"],
    ["too many files", "for i in $(seq 201); do echo $i > f$i; done", "at most 200"],
  ])("says in time that %s will not be published, and no more once it is gone", async (_, command, warning) => {
    expect((await pathsSeen(command)).warnings.join()).toContain(warning);
    expect(await observer.refusal()).toContain(warning);
    await pathsSeen("git clean -fdxq; echo y > good.txt");
    expect(await observer.refusal()).toBeUndefined();
  });

  it("says in time what the mission's own policy is against, and a secret among the added lines", async () => {
    observer = createObserver(repository, { ...defaultPolicy, deniedPaths: ["docs"] });
    expect((await pathsSeen("mkdir docs && echo x > docs/a")).warnings.join()).toContain(
      "workspace.policy.deniedPaths",
    );
    await pathsSeen("rm -r docs; echo y > good.txt");
    expect(await observer.refusal()).toBeUndefined();
    const key = ["AKIA", "QWERTYUIOPASDFGH"].join("");
    expect((await pathsSeen(`echo '${key}' > good.txt`)).warnings.join()).toContain("a secret (aws-key)");
  });

  it("proposes exactly the tree seen, as one commit on the base, in a bundle with one ref", async () => {
    await call("apply_patch", { patch });
    const { after } = await observer.observe();
    const commit = { tree: after, parent: repository.base, message: "Title\n\nBody\n", ref: bundleRef };
    const { head, bundle } = await bundleCommit(repository, commit, top);
    await writeFile(join(top, "p.bundle"), bundle);
    const clone = join(top, "fetched.git");
    expect(git(clone, "bundle", "list-heads", join(top, "p.bundle"))).toBe(`${head} refs/heads/proposal\n`);
    git(clone, "fetch", "--quiet", join(top, "p.bundle"), "refs/heads/proposal:refs/heads/p");
    expect(git(clone, "rev-parse", "p^", "p^{tree}")).toBe(`${repository.base}\n${after}\n`);
  });
});
