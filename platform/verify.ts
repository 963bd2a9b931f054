// What must hold before anything is worth an integration test: `npm run verify`.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const generatedPaths = [
  "crds",
  "charts/enchanted-swarm",
  "nervous-system/schemas/json",
  "nervous-system/schemas/gen",
  "nervous-system/schemas/python",
  "docs/reference",
];

const digests = (): Map<string, string> => {
  const files = execFileSync(
    "git",
    ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...generatedPaths],
    { encoding: "utf8" },
  );
  return new Map(
    files
      .split("\n")
      .filter((file) => file !== "")
      .map((file) => [file, createHash("sha256").update(readFileSync(file)).digest("hex")]),
  );
};

const run = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: "inherit" }).status === 0;

const generatedIsCurrent = (): boolean => {
  const before = digests();
  if (!run("npm", "run", "-s", "gen")) return false;
  const stale = [...digests()].filter(([file, digest]) => before.get(file) !== digest).map(([file]) => file);
  if (stale.length > 0)
    console.error(`Generated files were stale and are now renewed; commit them:\n  ${stale.join("\n  ")}`);
  return stale.length === 0;
};

const steps: ReadonlyArray<readonly [string, () => boolean]> = [
  ["generated files are current", generatedIsCurrent],
  ["types", () => run("npm", "run", "-s", "types")],
  ["no export that nobody imports", () => run("npm", "run", "-s", "unused")],
  ["no export that only tests use", () => run("npm", "run", "-s", "unused:product")],
  ["lint", () => run("npm", "run", "-s", "lint")],
  ["format", () => run("npm", "run", "-s", "format:check")],
  ["chart scanner", () => run(process.execPath, "platform/scan/main.ts")],
  ["unit tests and architecture", () => run("npm", "run", "-s", "unit", "--", ...process.argv.slice(2))],
];

const failed = steps.filter(([name, step]) => {
  const started = performance.now();
  const passed = step();
  console.log(`${passed ? "ok  " : "FAIL"} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return !passed;
});
if (failed.length > 0) {
  console.error(`verify failed: ${failed.map(([name]) => name).join(", ")}`);
  process.exitCode = 1;
}
