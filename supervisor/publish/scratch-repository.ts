import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createGit, type Git, type GitOptions, type GitResult } from "#nervous-system/git/git.ts";
import type { GitCredentials } from "#nervous-system/git/protected-config.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { refuse, retry, type Refused, type Retryable } from "#supervisor/publish/proposal.ts";

/** What scratch repositories are made with. */
export type ScratchOptions = {
  /** Directory for what is gone when a publication ends. */
  readonly scratchDir: string;
  /** The process's environment; only PATH and TMPDIR of it reach Git. */
  readonly env: GitOptions["env"];
  readonly clock: Clock;
  /** PEM file of every CA that forges are verified with; the machine's own without it. */
  readonly caFile?: string | undefined;
};

/** A fresh bare repository for one proposal, with a hand for each of its two neighbours. */
export type ScratchRepository = {
  readonly bundleFile: string;
  /** Git without any credential or network, held to limits of memory, time and bytes: the only one that touches what an agent made. */
  readonly inspect: Git;
  /** Git with the credential of one origin, for the server's own refs and for the push. */
  withCredentials(credentials: GitCredentials): Git;
  writeBundle(bytes: Uint8Array): Promise<void>;
  remove(): Promise<void>;
};

const inspectLimits = { memoryBytes: 2 * 1024 ** 3, cpuSeconds: 120, fileBytes: 1024 ** 3 };

/** Settings under which Git takes nothing that a careful server would not. */
const carefulConfig = [
  ["transfer.fsckObjects", "true"],
  ["fetch.fsckObjects", "true"],
  // Keeps what arrives as one pack: as loose objects a small bundle can become a million files.
  ["fetch.unpackLimit", "1"],
  ["transfer.unpackLimit", "1"],
  ["pack.threads", "1"],
  ["index.threads", "1"],
] as const;

/** Fetches the named refs, and does nothing beside. */
export const fetchOnly = [
  "fetch",
  "--quiet",
  "--no-tags",
  "--no-recurse-submodules",
  "--no-write-fetch-head",
  "--no-auto-maintenance",
] as const;

/** Makes a scratch repository; the caller removes it. */
export const createScratchRepository = async (options: ScratchOptions): Promise<ScratchRepository> => {
  await mkdir(options.scratchDir, { recursive: true });
  const dir = await mkdtemp(join(options.scratchDir, "proposal-"));
  const gitDir = join(dir, "repo.git");
  const bundleFile = join(dir, "proposal.bundle");
  const shared = { env: options.env, clock: options.clock, gitDir, maxOutputBytes: 64 * 1024 ** 2 };
  const ca = options.caFile === undefined ? {} : { caFile: options.caFile };
  const inspect = createGit({
    ...shared,
    protocols: ["file"],
    timeoutMs: 180_000,
    limits: inspectLimits,
    config: carefulConfig,
  });
  const made = await inspect.run(["init", "-q", "--bare", "--template=", gitDir]);
  if (made.kind === "failed") throw new Error(`no repository could be made in ${dir}: ${made.message}`);
  return {
    bundleFile,
    inspect,
    withCredentials: (credentials) =>
      createGit({
        ...shared,
        ...ca,
        credentials,
        protocols: ["https"],
        timeoutMs: 600_000,
        config: [["fetch.unpackLimit", "1"]],
      }),
    writeBundle: (bytes) => writeFile(bundleFile, bytes, { mode: 0o600 }),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
};

const lasting = new Set([
  "RepositoryNotFound",
  "AuthenticationFailed",
  "RefNotFound",
  "ProtocolNotAllowed",
  "Redirected",
]);

/** What a failed call to the server means for the publication. */
export const judgeServerFailure = (result: Extract<GitResult, { kind: "failed" }>): Refused | Retryable =>
  lasting.has(result.reason) ? refuse(result.reason, result.message) : retry(result.message);

/** What a failed call on the agent's objects means: the objects are at fault. */
export const judgeBundleFailure = (result: Extract<GitResult, { kind: "failed" }>): Refused => {
  const tooMuch = ["TimedOut", "LimitExceeded", "OutputTooLarge"].includes(result.reason);
  return refuse(tooMuch ? "BundleTooLarge" : "InvalidBundle", result.message);
};
