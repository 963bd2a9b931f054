import type { Buffer } from "node:buffer";
import { runBounded, type BoundedEnd, type ProcessLimits } from "#nervous-system/git/bounded-process.ts";
import { computeEnvironment, type EnvironmentInput } from "#nervous-system/git/environment.ts";
import { classifyFailure, limitIn, redirectIn, type GitFailureReason } from "#nervous-system/git/failure.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** How a Git runner is set up; every call it makes has the protections of agent-pod.md §6. */
export type GitOptions = EnvironmentInput & {
  /** The repository or workspace to work in (`git -C`); it is made a safe directory. */
  readonly dir?: string;
  /** Protects repositories that Git would otherwise look for in parent directories. */
  readonly gitDir?: string;
  readonly clock: Pick<Clock, "after">;
  /** Of one call; 60,000 ms unless told. */
  readonly timeoutMs?: number;
  /** Of one call's standard output; 8 MiB unless told. */
  readonly maxOutputBytes?: number;
  readonly limits?: ProcessLimits;
  /** Ends every call, as the signal of a call does. */
  readonly signal?: AbortSignal | undefined;
};

/** How one call differs from its runner. */
export type GitRunOptions = {
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly maxOutputBytes?: number;
  /** Further variables (GIT_INDEX_FILE, GIT_AUTHOR_NAME, …); they cannot undo the protections. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names what the call is about in an error's message, such as the repository's URL. */
  readonly subject?: string;
  readonly signal?: AbortSignal;
};

/** How a call ended: its output, or a reason and a message for people. */
export type GitResult =
  | { readonly kind: "ok"; readonly stdout: Buffer; readonly stderr: string }
  | {
      readonly kind: "failed";
      readonly reason: GitFailureReason;
      readonly message: string;
      readonly code: number | null;
      readonly stdout: Buffer;
      readonly stderr: string;
    };

/** Runs Git; it never throws for what Git or a repository does. */
export type Git = {
  run(args: readonly string[], options?: GitRunOptions): Promise<GitResult>;
};

const showsDiffs = new Set([
  "diff",
  "diff-tree",
  "diff-index",
  "diff-files",
  "log",
  "show",
  "whatchanged",
  "format-patch",
]);
const convertsText = new Set(["grep", "blame", "annotate"]);

/** Puts --no-ext-diff and --no-textconv behind the subcommands that would else run a program named by a repository. */
export const withoutDrivers = (args: readonly string[]): readonly string[] => {
  const [subcommand = "", ...rest] = args;
  if (showsDiffs.has(subcommand)) return [subcommand, "--no-ext-diff", "--no-textconv", ...rest];
  if (convertsText.has(subcommand)) return [subcommand, "--no-textconv", ...rest];
  return args;
};

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Tells the serving side of a `file` transport, which sees no configuration of ours, which directories of other users are safe. */
const withSafeUploadPack = (args: readonly string[], safeDirectories: readonly string[]): readonly string[] => {
  const [subcommand = "", ...rest] = args;
  if (!["clone", "fetch", "ls-remote"].includes(subcommand)) return args;
  const settings = safeDirectories.map((dir) => `-c safe.directory=${quoted(dir)}`).join(" ");
  return [subcommand, `--upload-pack=git ${settings} upload-pack`, ...rest];
};

const failureOf = (
  end: BoundedEnd,
  command: string,
  limitMs: number,
  options: GitRunOptions,
): { readonly reason: GitFailureReason; readonly message: string } => {
  const what = `git ${command}`;
  switch (end.why) {
    case "timedOut":
      return { reason: "TimedOut", message: `${what} did not end within ${limitMs} ms` };
    case "outputTooLarge":
      return { reason: "OutputTooLarge", message: `${what} printed more than the caller accepts` };
    case "aborted":
      return { reason: "Aborted", message: `${what} was cancelled` };
    case "notStarted":
      return { reason: "NotStarted", message: `${what} could not be started: ${end.stderr}` };
    case "exited":
      break;
  }
  const limit = end.signal ?? limitIn(end.stderr);
  if (limit !== undefined)
    return {
      reason: "LimitExceeded",
      message: `${what} was stopped by its limits of memory, time or file size (${limit})`,
    };
  const subject = options.subject === undefined ? {} : { subject: options.subject };
  return classifyFailure({ command, stderr: end.stderr, ...subject });
};

/** Creates a runner for one place with one set of protocols and at most one credential. */
export const createGit = (options: GitOptions): Git => {
  const safeDirectories = [...(options.safeDirectories ?? [])];
  if (options.dir !== undefined) safeDirectories.push(options.dir);
  const protections = computeEnvironment({ ...options, safeDirectories });
  const place = options.gitDir === undefined ? {} : { GIT_DIR: options.gitDir };
  const inDirectory = options.dir === undefined ? [] : ["-C", options.dir];
  const servesFiles = options.protocols?.includes("file") === true && safeDirectories.length > 0;
  const limitsOf = (call: GitRunOptions) => ({
    timeoutMs: call.timeoutMs ?? options.timeoutMs ?? 60_000,
    maxOutputBytes: call.maxOutputBytes ?? options.maxOutputBytes ?? 8_388_608,
  });
  const runOnce = (args: readonly string[], call: GitRunOptions): Promise<BoundedEnd> => {
    const served = servesFiles ? withSafeUploadPack(args, safeDirectories) : args;
    return runBounded({
      program: "git",
      args: [...inDirectory, "--no-pager", ...withoutDrivers(served)],
      env: { ...call.env, ...place, ...protections },
      ...limitsOf(call),
      clock: options.clock,
      limits: options.limits,
      input: call.input,
      signal: call.signal ?? options.signal,
    });
  };
  // Git says that it was sent elsewhere, but not where to; its trace does, in which it hides credentials itself.
  const newAddress = async (args: readonly string[], call: GitRunOptions): Promise<string> => {
    const traced = { GIT_TRACE_CURL: "1", GIT_TRACE_CURL_NO_DATA: "1" };
    const { stderr } = await runOnce(args, { ...call, env: { ...call.env, ...traced } });
    const address = redirectIn(stderr, call.subject);
    return address === undefined ? "" : `; it is at ${address} now`;
  };
  return {
    run: async (args, call = {}) => {
      const end = await runOnce(args, call);
      if (end.why === "exited" && end.code === 0) return { kind: "ok", stdout: end.stdout, stderr: end.stderr };
      const failure = failureOf(end, args[0] ?? "", limitsOf(call).timeoutMs, call);
      const message =
        failure.reason === "Redirected" ? failure.message + (await newAddress(args, call)) : failure.message;
      return { kind: "failed", ...failure, message, code: end.code, stdout: end.stdout, stderr: end.stderr };
    },
  };
};
