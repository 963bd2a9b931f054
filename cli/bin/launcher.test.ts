import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const sources = ["cli/bin/main.ts", "nervous-system/a.ts", "scribe/a.ts", "package.json", "package-lock.json"];

let root: string;
const write = (path: string, text = ""): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const launch = (cwd = root, launcher = "cli/bin/enchanted", env: NodeJS.ProcessEnv = {}): string =>
  execFileSync("sh", [launcher, "--now"], { cwd, env: { ...process.env, ...env }, encoding: "utf8" });

/** Builds: the result is `ageMs` older than now, and where none is named newer than all there is. */
const buildResult = (ageMs = -20): void => {
  write("dist/cli/main.js", 'console.log("built", process.argv[2]);');
  const begun = new Date(Date.now() - ageMs);
  utimesSync(join(root, "dist/cli/main.js"), begun, begun);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "enchanted-launcher-"));
  for (const path of sources) write(path, path.endsWith("main.ts") ? 'console.log("sources", process.argv[2]);' : "{}");
  copyFileSync(join(import.meta.dirname, "enchanted"), join(root, "cli/bin/enchanted"));
  chmodSync(join(root, "cli/bin/enchanted"), 0o755);
  mkdirSync(join(root, "node_modules/.bin"), { recursive: true });
  symlinkSync(process.execPath, join(root, "node_modules/.bin/node"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("the launcher", () => {
  it("runs the sources where nothing is built", () => {
    expect(launch()).toBe("sources --now\n");
  });

  it("runs what was built of them", () => {
    buildResult();
    expect(launch()).toBe("built --now\n");
  });

  it.each(sources)("runs the sources once %s is newer, whatever its date says", (path) => {
    buildResult();
    expect(launch()).toBe("built --now\n");
    const [file, built] = [join(root, path), statSync(join(root, "dist/cli/main.js"))];
    // As an archive does that is unpacked over the checkout; a file system's clock ticks some hundred times a second.
    while (statSync(file).ctimeMs <= built.mtimeMs) utimesSync(file, new Date(2000, 1), new Date(2000, 1));
    expect(launch()).toBe("sources --now\n");
  });

  it("runs the sources once one of them is gone", () => {
    buildResult(60_000);
    rmSync(join(root, "scribe/a.ts"));
    expect(launch()).toBe("sources --now\n");
  });

  it("runs what was built where there are no sources, as in an archive", () => {
    buildResult(60_000);
    for (const path of sources) rmSync(join(root, path));
    expect(launch()).toBe("built --now\n");
  });

  it("is found by links, from elsewhere and with a CDPATH", () => {
    buildResult();
    mkdirSync(join(root, "elsewhere/cli/bin"), { recursive: true });
    symlinkSync("../cli/bin/enchanted", join(root, "elsewhere/enchanted"));
    expect(launch(root, "elsewhere/enchanted")).toBe("built --now\n");
    expect(launch(root, "cli/bin/enchanted", { CDPATH: join(root, "elsewhere") })).toBe("built --now\n");
  });
});
