import { chmod, chown, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { isOnlyOurs } from "./own-places.ts";

const uid = process.getuid?.() ?? 0;
let home: string;
let cache: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "enchanted-own-"));
  cache = join(home, "a/b");
  await mkdir(cache, { recursive: true, mode: 0o700 });
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe("a directory that code is loaded from", () => {
  it("is ours where nobody else may write to it, or to what is above it but in a sticky place", async () => {
    expect(await isOnlyOurs(cache, uid)).toBe(true);
    await chmod(join(home, "a"), 0o1777);
    expect(await isOnlyOurs(cache, uid)).toBe(true);
  });

  it.each([
    ["others may write to it", () => chmod(cache, 0o722)],
    ["it is sticky, so that others may put files there", () => chmod(cache, 0o1777)],
    ["others may put another one in its place", () => chmod(join(home, "a"), 0o777)],
    ["it is not there", () => rm(cache, { recursive: true })],
  ])("is not where %s", async (_, change) => {
    await change();
    expect(await isOnlyOurs(cache, uid)).toBe(false);
  });

  it("is not where it, or one above it, is somebody else's, by a link too", async () => {
    const link = join(home, "link");
    await symlink(cache, link);
    expect(await isOnlyOurs(link, uid)).toBe(true);
    // Only root may give a directory away; for anybody else the caller is another.
    if (uid === 0) await chown(join(home, "a"), 4242, 4242);
    const caller = uid === 0 ? uid : uid + 1;
    expect([await isOnlyOurs(cache, caller), await isOnlyOurs(link, caller)]).toEqual([false, false]);
  });
});
