import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createWorkspaceFiles, type WorkspaceFiles } from "./files.ts";

let top: string;
let root: string;
let files: WorkspaceFiles;

beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), "confined-")));
  root = join(top, "work");
  await mkdir(join(root, "src"), { recursive: true });
  await mkdir(join(top, "outside"));
  await writeFile(join(top, "outside", "secret"), "secret");
  await writeFile(join(root, "src", "a.js"), "one\n");
  files = createWorkspaceFiles(root, () => randomIds().next());
});

afterEach(() => rm(top, { recursive: true }));

const read = async (path: string): Promise<string> => (await files.read(path, 1000)).toString();

describe("workspace files", () => {
  it("reads by relative path, by absolute path inside, and through dots that stay inside", async () => {
    expect(await read("src/a.js")).toBe("one\n");
    expect(await read(join(root, "src/a.js"))).toBe("one\n");
    expect(await read("./src/../src//a.js")).toBe("one\n");
  });

  it.each(["../outside/secret", "/etc/passwd", "src/../../outside/secret", "..", "a\0b"])(
    "refuses %j to read and to write",
    async (path) => {
      await expect(read(path)).rejects.toMatchObject({ name: "ToolFailure" });
      await expect(files.write(path, "x")).rejects.toMatchObject({ name: "ToolFailure" });
      expect(await readFile(join(top, "outside", "secret"), "utf8")).toBe("secret");
    },
  );

  it("does not take a sibling whose name begins like the root for the root", async () => {
    await mkdir(`${root}-other`);
    await writeFile(join(`${root}-other`, "x"), "x");
    await expect(read(join(`${root}-other`, "x"))).rejects.toThrow("outside");
  });

  it.each([
    ["an absolute link to a file", "link", () => join(top, "outside", "secret"), "link"],
    ["a relative link to a file", "link", () => "../outside/secret", "link"],
    ["a link to a directory", "dir", () => "../outside", "dir/secret"],
    ["a link to a new file", "link", () => "../outside/new", "link"],
    ["a link out and in again", "dir", () => "../outside", "dir/../outside/secret"],
  ])("refuses %s outside, to read and to write", async (_name, link, target, path) => {
    await symlink(target(), join(root, link));
    await expect(read(path)).rejects.toMatchObject({ name: "ToolFailure" });
    await files.write(path, "x").catch(() => {});
    expect(await readdir(join(top, "outside"))).toEqual(["secret"]);
    expect(await readFile(join(top, "outside", "secret"), "utf8")).toBe("secret");
  });

  it("follows links that stay inside, and writes what they lead to", async () => {
    await symlink("src", join(root, "code"));
    await symlink(join(root, "src", "a.js"), join(root, "entry.js"));
    expect(await read("code/a.js")).toBe("one\n");
    await files.write("entry.js", "two\n");
    expect(await readFile(join(root, "src", "a.js"), "utf8")).toBe("two\n");
  });

  it("ends at links that lead to each other", async () => {
    await symlink("b", join(root, "a"));
    await symlink("a", join(root, "b"));
    await expect(read("a")).rejects.toThrow("symbolic links");
  });

  it("makes directories, keeps the mode of what it replaces and leaves nothing else", async () => {
    await chmod(join(root, "src", "a.js"), 0o755);
    await files.write("src/a.js", "new");
    await files.write("deep/er/b.txt", "b");
    expect((await stat(join(root, "src", "a.js"))).mode & 0o777).toBe(0o755);
    expect(await readdir(join(root, "deep/er"))).toEqual(["b.txt"]);
    expect(await readdir(join(root, "src"))).toEqual(["a.js"]);
  });

  it.each([".git/config", "sub/.GIT/hooks/pre-commit"])("refuses to write %s", async (path) => {
    await expect(files.write(path, "x")).rejects.toThrow("Git");
  });

  it("refuses to write Git's own through a link", async () => {
    await mkdir(join(root, ".git"));
    await symlink(".git", join(root, "innocent"));
    await expect(files.write("innocent/config", "x")).rejects.toThrow("Git");
  });

  it("does not wait for a pipe and does not read a directory", async () => {
    execFileSync("mkfifo", [join(root, "pipe")]);
    await expect(read("pipe")).rejects.toThrow("not a regular file");
    await expect(read("src")).rejects.toThrow("list_files");
  });

  it("says how big a file is that is too big", async () => {
    await writeFile(join(root, "big"), "x".repeat(2000));
    await expect(read("big")).rejects.toThrow("2000 bytes");
  });

  it("writes nothing outside while a directory is swapped with a link all the time", async () => {
    await mkdir(join(root, "swap"));
    const swapping = new AbortController();
    // The writes make `swap` anew whenever it is missing, so each step of the swapper may find its place taken.
    const attempt = (step: Promise<unknown>): Promise<unknown> => step.catch(() => undefined);
    const swapper = (async () => {
      while (!swapping.signal.aborted) {
        await attempt(rm(join(root, "real"), { recursive: true, force: true }));
        await attempt(rename(join(root, "swap"), join(root, "real")));
        await attempt(symlink("../outside", join(root, "swap")));
        await attempt(rm(join(root, "swap"), { recursive: true }));
        await attempt(rename(join(root, "real"), join(root, "swap")));
      }
    })();
    for (let i = 0; i < 300; i += 1) await files.write("swap/secret", `try ${i}`).catch(() => {});
    swapping.abort();
    await swapper;
    expect(await readdir(join(top, "outside"))).toEqual(["secret"]);
    expect(await readFile(join(top, "outside", "secret"), "utf8")).toBe("secret");
  });
});
