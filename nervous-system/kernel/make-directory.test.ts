import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDirectory } from "./make-directory.ts";

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "make-directory-"));
});
afterEach(() => rm(place, { recursive: true }));

describe("makeDirectory", () => {
  it("makes what is missing with its mode, and takes what is there, by a link too", async () => {
    await makeDirectory(join(place, "a/b/c"), 0o700);
    await makeDirectory(join(place, "a/b/c"), 0o700);
    expect((await stat(join(place, "a/b"))).mode & 0o777).toBe(0o700);
    await symlink("a", join(place, "link"));
    await makeDirectory(join(place, "link/d"));
    expect((await stat(join(place, "a/d"))).isDirectory()).toBe(true);
  });

  it("makes one directory for many who ask at once", async () => {
    await Promise.all(Array.from({ length: 20 }, () => makeDirectory(join(place, "x/y/z"))));
    expect((await stat(join(place, "x/y/z"))).isDirectory()).toBe(true);
  });

  it("rejects below a file, and where a file system makes nothing", async () => {
    await writeFile(join(place, "file"), "");
    await expect(makeDirectory(join(place, "file"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(makeDirectory(join(place, "file/a/b"))).rejects.toMatchObject({ code: "ENOTDIR" });
    await expect(makeDirectory("/proc/enchanted/state")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
