import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { access, chmod, copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import type { GitCredentials } from "#nervous-system/git/protected-config.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { addressOf } from "#nervous-system/kernel/endpoint.ts";
import { trustedCas, writeCaBundle } from "#nervous-system/kernel/trusted-cas.ts";
import { tokenFrom } from "#nervous-system/recorder/token-file.ts";
import { fitMessage } from "#nervous-system/schemas/termination-message.ts";
import type { FetchConfig } from "../config.ts";
import { cloneBare, type FetchOutcome, type FetchReason } from "./clone.ts";
import { tryConfinement, type Confinement } from "./confinement.ts";
import { startConnectProxy, type ConnectProxy } from "../tunnel/connect-proxy.ts";

const copyAtomically = async (from: string, to: string, mode: number): Promise<void> => {
  await copyFile(from, `${to}.new`);
  await chmod(`${to}.new`, mode);
  await rename(`${to}.new`, to);
};

/** Puts this Node and the given files where the agent container runs them from: an agent image can neither lack nor change them. */
const copyTools = async ({ node, from, files }: FetchOptions["tools"], directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true });
  await copyAtomically(node, join(directory, "node"), 0o755);
  for (const file of files) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await copyAtomically(join(from, file), join(directory, file), 0o644);
  }
};

/** What a fetch needs beside its configuration. */
type FetchOptions = {
  config: FetchConfig;
  /** PATH and TMPDIR are taken from it. */
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /** The Node to copy, and files of the directory `from`, which keep their paths. */
  tools: { node: string; from: string; files: readonly string[] };
};

const mountedCredentials = async (config: FetchConfig): Promise<GitCredentials | undefined> => {
  const directory = config.ENCHANTED_GIT_SECRET_DIR;
  try {
    await access(join(directory, "password"));
    return { origin: new URL(config.ENCHANTED_REPO).origin, directory };
  } catch {
    return undefined;
  }
};

type Place = { directory: string; scratch: string; proxy: string };

const createFetchGit = async (options: FetchOptions, { directory, scratch, proxy }: Place): Promise<Git> => {
  const { config } = options;
  const credentials = await mountedCredentials(config);
  return createGit({
    dir: directory,
    env: options.env,
    clock: options.clock,
    protocols: ["https"],
    timeoutMs: config.ENCHANTED_FETCH_TIMEOUT_MS,
    caFile: await writeCaBundle(join(scratch, "forge.pem"), trustedCas(config.ENCHANTED_GIT_CA_PEM)),
    proxy: { url: proxy },
    ...(credentials === undefined ? {} : { credentials }),
  });
};

/** What the gateway's refusal says of the repository's host, or of the Secret: waiting for it is of little use. */
const refusals: Readonly<Record<string, FetchReason>> = {
  name_not_resolved: "HostNotFound",
  address_not_allowed: "HostNotAllowed",
  host_not_allowed: "HostNotAllowed",
  target_not_allowed: "HostNotAllowed",
  secret_not_allowed: "SecretNotAllowed",
};

const clone = async (options: FetchOptions, way: ConnectProxy, scratch: string): Promise<FetchOutcome> => {
  const { config } = options;
  const directory = join(config.ENCHANTED_FETCH_DIR, "repo.git");
  const outcome = await cloneBare({
    url: config.ENCHANTED_REPO,
    branch: config.ENCHANTED_REF,
    pull: config.ENCHANTED_PULL,
    baseCommit: config.ENCHANTED_BASE_COMMIT,
    directory,
    git: await createFetchGit(options, { directory, scratch, proxy: `http://127.0.0.1:${way.port}` }),
  });
  const failure = way.lastFailure();
  if (outcome.kind === "fetched" || failure === undefined) return outcome;
  const reason = ownOf(refusals, failure.type) ?? outcome.reason;
  return { kind: "failed", reason, message: `${failure.message}; ${outcome.message}` };
};

const confinementOf = async ({ config, clock }: FetchOptions): Promise<Confinement> => {
  const { ENCHANTED_COLLECTOR: allowed, ENCHANTED_UNREACHABLE: forbidden } = config;
  if (allowed === undefined || forbidden === undefined) return "confined";
  const trial = { allowed: addressOf(allowed), forbidden: addressOf(forbidden) };
  return tryConfinement({ ...trial, silenceMs: config.ENCHANTED_GATEWAY_WAIT_MS }, clock);
};

/** What a fetch comes to, by its clone and by what the pod found of its own confinement. */
const judgeFetch = (cloned: FetchOutcome, confinement: Confinement, config: FetchConfig): FetchOutcome => {
  const { ENCHANTED_COLLECTOR: allowed = "", ENCHANTED_UNREACHABLE: forbidden = "" } = config;
  if (confinement === "unconfined")
    return {
      kind: "failed",
      reason: "NetworkPolicyNotEnforced",
      message: `the pod reaches ${forbidden}, which its NetworkPolicy does not allow: the cluster's network plugin must enforce NetworkPolicies`,
    };
  // What is wrong with the repository is of more use than that.
  if (confinement === "confined" || cloned.kind === "failed") return cloned;
  return {
    kind: "failed",
    reason: "CollectorUnreachable",
    message: `the collector ${allowed} does not answer, so that nobody can tell whether the pod is kept from ${forbidden}: look whether it runs`,
  };
};

const MAX_TUNNELS = 8; // as many as the gateway gives to one fetch

/** Copies the tools, where they are asked for, and clones the repository through the gateway; a failure of the clone is an answer, not an exception. */
export const runFetch = async (options: FetchOptions): Promise<FetchOutcome> => {
  const { config, tools } = options;
  const { ENCHANTED_BIN_DIR: bin } = config;
  if (bin !== undefined) await copyTools(tools, bin);
  await mkdir(config.ENCHANTED_FETCH_DIR, { recursive: true });
  const scratch = await mkdtemp(join(config.ENCHANTED_FETCH_DIR, ".fetch-")); // the root file system may be read-only
  const way = await startConnectProxy({
    port: 0,
    maxTunnels: MAX_TUNNELS,
    gateway: addressOf(config.ENCHANTED_GATEWAY),
    caPem: config.ENCHANTED_CA_PEM,
    token: tokenFrom(config.ENCHANTED_TOKEN_FILE),
    clock: options.clock,
    patienceMs: config.ENCHANTED_GATEWAY_WAIT_MS,
  });
  try {
    // Beside the clone, so that it costs no time.
    const [cloned, confinement] = await Promise.all([clone(options, way, scratch), confinementOf(options)]);
    return judgeFetch(cloned, confinement, config);
  } finally {
    await way.close();
    await rm(scratch, { recursive: true, force: true });
  }
};

// The kubelet keeps 12 KiB of a pod's messages, the same of each container: a verifier has up to 17, and the cluster may add some.
const MAX_MESSAGE_BYTES = 600;

/** The termination message of a fetch, short enough for the kubelet to keep it whole. */
export const renderFetchMessage = (outcome: FetchOutcome): string => {
  if (outcome.kind === "fetched") return JSON.stringify({ commit: outcome.commit, head: outcome.head });
  const { reason, message } = outcome;
  return fitMessage({ reason, message }, MAX_MESSAGE_BYTES);
};
