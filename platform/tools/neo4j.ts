import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory, repositoryRoot } from "../environment.ts";
import { withLock } from "../process/lock.ts";
import { run } from "../process/run.ts";
import { MAVEN_DEPENDENCY_PLUGIN, NEO4J } from "../versions.ts";

const sources = join(repositoryRoot, "platform/tools/neo4j");
const program = join(sources, "Neo4jServer.java");
const project = join(sources, "pom.xml");

// Among the jars, so that the class path is one directory; Java refuses a shared archive over a directory of classes.
const PROGRAM_JAR = "enchanted-neo4j-server.jar";

/** Flags without which Neo4j's page cache and its network do not start. */
const OPENED_PACKAGES = ["java.base/java.nio", "java.base/sun.nio.ch"].flatMap((name) => [
  "--add-opens",
  `${name}=ALL-UNNAMED`,
]);

/** Fetches the jars; Maven compares each with the checksum that its registry names for it, and fails where they differ. */
const fetchJars = (lib: string): Promise<string> =>
  run([
    "mvn",
    "--batch-mode",
    "--quiet",
    "--strict-checksums",
    `--file=${project}`,
    `-Dneo4j.version=${NEO4J}`,
    `org.apache.maven.plugins:maven-dependency-plugin:${MAVEN_DEPENDENCY_PLUGIN}:copy-dependencies`,
    `-DoutputDirectory=${lib}`,
    "-DincludeScope=runtime",
  ]);

/** Compiles our few lines with the compiler that the runtime holds, so that no development kit is needed. */
const compileProgram = async (lib: string, work: string): Promise<void> => {
  const jars = (await readdir(lib)).map((name) => join(lib, name));
  const compiler = ["java", "--module", "jdk.compiler/com.sun.tools.javac.Main"];
  await run([...compiler, "-cp", jars.join(":"), "-d", work, program]);
  const archiver = ["java", "--module", "jdk.jartool/sun.tools.jar.Main"];
  await run([...archiver, "--create", `--file=${join(lib, PROGRAM_JAR)}`, "-C", work, "Neo4jServer.class"]);
};

const make = async (lib: string): Promise<void> => {
  if (existsSync(lib)) return;
  await mkdir(dirname(lib), { recursive: true });
  const temporary = await mkdtemp(join(dirname(lib), ".fetching-"));
  try {
    await fetchJars(join(temporary, "lib"));
    await compileProgram(join(temporary, "lib"), join(temporary, "classes"));
    await rename(join(temporary, "lib"), lib);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
};

/** Answers the directory of Neo4j's jars and our program, fetching them first when the cache does not hold them (a minute, 123 MB). */
export const ensureNeo4j = async (): Promise<string> => {
  const hash = createHash("sha256");
  for (const file of [project, program]) hash.update(await readFile(file));
  hash.update(MAVEN_DEPENDENCY_PLUGIN);
  const lib = join(cacheDirectory(), "neo4j", `${NEO4J}-${hash.digest("hex").slice(0, 16)}`);
  if (!existsSync(lib)) await withLock(lib, () => make(lib));
  return lib;
};

/** What the program reads and how much it may take; `options` are the virtual machine's. */
export type Neo4jCommand = {
  readonly lib: string;
  readonly options: readonly string[];
  /** Directory of data, logs and plugins. */
  readonly home: string;
  /** Path of neo4j.conf. */
  readonly configuration: string;
};

/** The command that runs the server in the foreground. */
export const neo4jCommand = ({ lib, options, home, configuration }: Neo4jCommand): string[] => [
  "java",
  ...options,
  ...OPENED_PACKAGES,
  "-cp",
  `${lib}/*`,
  "Neo4jServer",
  home,
  configuration,
];
