import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createGit, type Git, type GitOptions, type GitResult } from "#nervous-system/git/git.ts";
import { objectFormatLike } from "#nervous-system/git/object-format.ts";
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
  /** What a server's branch may take on the disk, bytes, packed as the server sends it. */
  readonly maxRepositoryBytes: number;
  /** Ends whatever Git does: a publisher that is told to stop must not be killed at it, which would count against the proposal. */
  readonly signal?: AbortSignal | undefined;
};

/** A fresh bare repository for one proposal, with a hand for each of its two neighbours. */
export type ScratchRepository = {
  /** Git without any credential or network, held to limits of memory, time and bytes: the only one that touches what an agent made. */
  readonly inspect: Git;
  /** Git with the credential of one origin, for the server's own refs and for the push. */
  withCredentials(credentials: GitCredentials): Git;
  /** Keeps the pack of a bundle until the server's branch is there, without which it is not whole. */
  writePack(bytes: Uint8Array): Promise<void>;
  readPack(): Promise<Buffer>;
  remove(): Promise<void>;
};

const MiB = 1024 ** 2;

// Eight kilobytes of a bundle can unfold to gigabytes: what Git may take of the machine to find that out is below what the
// container has (chart: 1536 MiB of memory, 3 GiB of scratch) for as many proposals as are at work at once, two.
const inspectLimits = { memoryBytes: 320 * MiB, cpuSeconds: 20, fileBytes: 128 * MiB };
/** All of Git's work on one proposal. */
const inspectMs = 120_000;
const serverMemoryBytes = 512 * MiB;
const serverCpuSeconds = 300;
/** What Git prints of a server or an agent is small; lists that may be longer say so. */
const maxOutputBytes = 4 * MiB;

/** Settings that keep Git's memory small whatever the objects are. */
const modestConfig = [
  // Keeps what arrives as one pack: as loose objects a small bundle can become a million files, none of them too large.
  ["fetch.unpackLimit", "1"],
  ["transfer.unpackLimit", "1"],
  ["pack.threads", "1"],
  ["index.threads", "1"],
  ["pack.windowMemory", "64m"],
  // What is larger is hashed as it comes, and never compared with another.
  ["core.bigFileThreshold", "4m"],
  ["core.deltaBaseCacheLimit", "16m"],
  ["core.packedGitWindowSize", "16m"],
  ["core.packedGitLimit", "64m"],
] as const;

/** Settings under which Git takes nothing that a careful server would not. */
const carefulConfig = [["transfer.fsckObjects", "true"], ["fetch.fsckObjects", "true"], ...modestConfig] as const;

/** Git that has so long for all of its calls together. */
const withinTime = (git: Git, clock: Pick<Clock, "monotonicMs">, totalMs: number): Git => {
  let leftMs = totalMs;
  return {
    run: async (args, options) => {
      const begunMs = clock.monotonicMs();
      try {
        return await git.run(args, { ...options, timeoutMs: Math.max(1, leftMs) });
      } finally {
        leftMs -= clock.monotonicMs() - begunMs;
      }
    },
  };
};

/** Fetches the named refs, and does nothing beside. */
export const fetchOnly = [
  "fetch",
  "--quiet",
  "--no-tags",
  "--no-recurse-submodules",
  "--no-write-fetch-head",
  "--no-auto-maintenance",
] as const;

/** Makes a scratch repository for objects that are named as the commit `like` is; the caller removes it. */
export const createScratchRepository = async (options: ScratchOptions, like: string): Promise<ScratchRepository> => {
  await mkdir(options.scratchDir, { recursive: true });
  const dir = await mkdtemp(join(options.scratchDir, "proposal-"));
  const gitDir = join(dir, "repo.git");
  const packFile = join(dir, "proposal.pack");
  const shared = { env: options.env, clock: options.clock, gitDir, maxOutputBytes, signal: options.signal };
  const ca = options.caFile === undefined ? {} : { caFile: options.caFile };
  const careful = createGit({ ...shared, protocols: ["file"], limits: inspectLimits, config: carefulConfig });
  const inspect = withinTime(careful, options.clock, inspectMs);
  const serverLimits = {
    memoryBytes: serverMemoryBytes,
    cpuSeconds: serverCpuSeconds,
    fileBytes: options.maxRepositoryBytes,
  };
  const made = await inspect.run(["init", "-q", "--bare", "--template=", objectFormatLike(like), gitDir]);
  if (made.kind === "failed") throw new Error(`no repository could be made in ${dir}: ${made.message}`);
  return {
    inspect,
    withCredentials: (credentials) =>
      createGit({
        ...shared,
        ...ca,
        credentials,
        protocols: ["https"],
        timeoutMs: 600_000,
        limits: serverLimits,
        config: modestConfig,
      }),
    writePack: (bytes) => writeFile(packFile, bytes, { mode: 0o600 }),
    readPack: () => readFile(packFile),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
};

const lasting = [
  "RepositoryNotFound",
  "AuthenticationFailed",
  "RefNotFound",
  "ProtocolNotAllowed",
  "Redirected",
] as const;

/** What a failed call to the server means for the publication. */
export const judgeServerFailure = (result: Extract<GitResult, { kind: "failed" }>): Refused | Retryable => {
  if (result.reason === "LimitExceeded") return refuse("RepositoryTooLarge", result.message);
  const reason = lasting.find((one) => one === result.reason);
  return reason === undefined ? retry(result.message) : refuse(reason, result.message);
};

/** What a failed call on the agent's objects means: the objects are at fault, unless Git could not be run at all. */
export const judgeBundleFailure = (result: Extract<GitResult, { kind: "failed" }>): Refused | Retryable => {
  if (result.reason === "NotStarted" || result.reason === "Aborted") return retry(result.message);
  const tooMuch = ["TimedOut", "LimitExceeded", "OutputTooLarge"].includes(result.reason);
  return refuse(tooMuch ? "BundleTooLarge" : "InvalidBundle", result.message);
};
