/** A protocol that one Git runner may speak; every other one is refused by Git itself. */
type GitProtocol = "https" | "http" | "file";

/** Sends a user name and password to one origin only (`https://host[:port]`), never by argument. */
export type GitCredentials =
  | { readonly origin: string; readonly username: string; readonly password: string }
  /** A directory with the files `username` and `password`, as a mounted Secret has them; read when Git asks. */
  | { readonly origin: string; readonly directory: string };

/** A CONNECT proxy; the token goes as the password of basic authentication, the only scheme that Git sends without being asked. */
type GitProxy = {
  readonly url: string;
  readonly token?: string;
  /** PEM file that the certificate of a https proxy is verified with. */
  readonly caFile?: string;
};

/** One configuration key and its value; several values of a key keep their order. */
export type ConfigEntry = readonly [key: string, value: string];

/**
 * Settings that must win over whatever a hostile `.git/config` says. Git reads these from the command scope, which comes last.
 * Not covered, because their names are free: filter, merge and textconv drivers. So a caller that holds a credential works in a
 * fresh bare repository, whoever records a work tree in a repository of its own, which has no drivers, and diffs are asked for
 * with --no-ext-diff --no-textconv (see `git.ts`).
 */
const alwaysProtected: readonly ConfigEntry[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.attributesFile", "/dev/null"],
  ["core.alternateRefsCommand", "true"],
  ["protocol.allow", "never"],
  // `protocol.allow` is only the default: a workspace may name each protocol, so each is refused by name too.
  ...["ext", "fd", "git", "ssh", "ftp", "ftps", "http", "https", "file", "bundle"].map((name): ConfigEntry => [
    `protocol.${name}.allow`,
    "never",
  ]),
  ["http.followRedirects", "false"],
  ["http.sslVerify", "true"],
  ["credential.helper", ""],
  ["commit.gpgSign", "false"],
  ["tag.gpgSign", "false"],
  ["push.gpgSign", "false"],
  ["log.showSignature", "false"],
  ["submodule.recurse", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["push.recurseSubmodules", "no"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["advice.detachedHead", "false"],
  ["init.defaultBranch", "main"],
];

// Git runs a helper that starts with "!" by the shell and adds the action; the secret is read from the environment or a file there.
const fromEnvironment =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$ENCHANTED_GIT_USERNAME" "$ENCHANTED_GIT_PASSWORD"; }; f';
const fromDirectory =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$(cat "$ENCHANTED_GIT_SECRET/username")" "$(cat "$ENCHANTED_GIT_SECRET/password")"; }; f';

const credentialConfig = (credentials: GitCredentials): readonly ConfigEntry[] => [
  [`credential.${credentials.origin}.helper`, "directory" in credentials ? fromDirectory : fromEnvironment],
];

const proxyConfig = (proxy: GitProxy): readonly ConfigEntry[] => {
  const url = new URL(proxy.url);
  if (proxy.token !== undefined) {
    url.username = "token";
    url.password = proxy.token;
  }
  const entries: ConfigEntry[] = [
    ["http.proxy", url.href],
    ["http.proxyAuthMethod", "basic"],
  ];
  if (proxy.caFile !== undefined) entries.push(["http.proxySSLCAInfo", proxy.caFile]);
  return entries;
};

/** What a runner's configuration is computed from. */
export type ConfigInput = {
  readonly protocols?: readonly GitProtocol[];
  /** Repositories owned by another user that Git may read. */
  readonly safeDirectories?: readonly string[];
  readonly credentials?: GitCredentials;
  readonly proxy?: GitProxy;
  readonly config?: readonly ConfigEntry[];
  /** Ignore rules beside those of the repository; none without it. */
  readonly excludesFile?: string | undefined;
};

/** Computes the command-scope configuration of a runner, protections last where order decides. */
export const computeConfig = (input: ConfigInput): readonly ConfigEntry[] => [
  ...(input.config ?? []),
  ...alwaysProtected,
  ["core.excludesFile", input.excludesFile ?? "/dev/null"],
  ...(input.protocols ?? []).map((name): ConfigEntry => [`protocol.${name}.allow`, "always"]),
  ...(input.safeDirectories ?? []).map((dir): ConfigEntry => ["safe.directory", dir]),
  ...(input.credentials === undefined ? [] : credentialConfig(input.credentials)),
  ...(input.proxy === undefined ? [] : proxyConfig(input.proxy)),
];
