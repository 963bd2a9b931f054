import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory } from "../environment.ts";
import { withLock } from "../process/lock.ts";
import { run } from "../process/run.ts";

// Each with its exact version.
const requirements = [
  "opentelemetry-api==1.45.2",
  "opentelemetry-sdk==1.45.2",
  "opentelemetry-exporter-otlp-proto-http==1.45.2",
  "opentelemetry-exporter-otlp-proto-grpc==1.45.2",
  "pydantic==2.14.4",
  "jsonschema==4.26.0",
  // Reads the archive as people do: 20 MB, and needs nothing.
  "duckdb==2.0.1",
  // Builds nervous-system/schemas/python without asking the network for a builder.
  "setuptools==80.9.0",
] as const;

const MARK = ".complete";

const build = async (directory: string, requirements: readonly string[]): Promise<void> => {
  await rm(directory, { recursive: true, force: true });
  await mkdir(join(directory, ".."), { recursive: true });
  // An environment knows its own place, so it is made there; the mark comes last.
  await run(["python3", "-m", "venv", directory]);
  const pip = [join(directory, "bin/python"), "-m", "pip"];
  await run([...pip, "install", "--quiet", "--disable-pip-version-check", "--no-input", ...requirements]);
  await writeFile(join(directory, `${MARK}.new`), requirements.join("\n"));
  await rename(join(directory, `${MARK}.new`), join(directory, MARK));
};

/**
 * Answers the Python of an environment with these packages, each with its exact version, making it first when the cache does
 * not hold it. Each version of the machine's Python has its own, because an environment is bound to the one that made it.
 */
export const ensurePythonPackages = async (packages: readonly string[]): Promise<string> => {
  const interpreter = await run(["python3", "-c", "import sys; print(sys.base_prefix, sys.version)"]);
  const key = createHash("sha256").update([interpreter, ...packages].join("\n")).digest("hex").slice(0, 16);
  const directory = join(cacheDirectory(), "python", key);
  if (!existsSync(join(directory, MARK))) {
    await withLock(directory, async () => {
      if (!existsSync(join(directory, MARK))) await build(directory, packages);
    });
  }
  return join(directory, "bin/python");
};

/** Answers the Python of the tests' environment; making it takes about half a minute. */
export const ensurePythonEnvironment = (): Promise<string> => ensurePythonPackages(requirements);
