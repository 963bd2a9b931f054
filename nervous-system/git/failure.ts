/** Why a Git call failed; the first four are also the reasons of the `fetch` container. */
export const GitFailureReason = {
  RepositoryNotFound: "RepositoryNotFound",
  AuthenticationFailed: "AuthenticationFailed",
  RefNotFound: "RefNotFound",
  RepositoryUnreachable: "RepositoryUnreachable",
  ProtocolNotAllowed: "ProtocolNotAllowed",
  Redirected: "Redirected",
  ObjectsRejected: "ObjectsRejected",
  PushRejected: "PushRejected",
  OutputTooLarge: "OutputTooLarge",
  TimedOut: "TimedOut",
  Aborted: "Aborted",
  LimitExceeded: "LimitExceeded",
  NotStarted: "NotStarted",
  GitFailed: "GitFailed",
} as const;

/** One of `GitFailureReason`. */
export type GitFailureReason = (typeof GitFailureReason)[keyof typeof GitFailureReason];

type Rule = { readonly reason: GitFailureReason; readonly says: RegExp; readonly advice: string };

// What Git says may hold a server's words and an agent's names: no run without a bound that a later attempt scans again.
// Git has no error codes, so its words are read; LC_ALL=C.UTF-8 keeps them English. The first rule that matches decides.
const rules: readonly Rule[] = [
  {
    reason: "ProtocolNotAllowed",
    says: /transport '[^']*' not allowed/,
    advice: "the address must use https",
  },
  {
    reason: "Redirected",
    says: /unable to update url base from redirection|returned error: 30[12378]/i,
    advice: "the server redirects elsewhere; name the final address of the repository",
  },
  {
    reason: "PushRejected",
    says: /repository was archived/i,
    advice: "it takes no more changes",
  },
  {
    reason: "AuthenticationFailed",
    says: /Authentication failed for|could not read (Username|Password)|returned error: 40[13]|HTTP Basic: Access denied|terminal prompts disabled/i,
    advice: "check the user name, the password and what they may do in this repository",
  },
  {
    reason: "RepositoryNotFound",
    says: /repository '[^']*' not found|returned error: 404|does not appear to be a git repository|repository '[^']*' does not exist|not a git repository/i,
    advice: "check the repository's address, and that the credential may see it",
  },
  {
    reason: "RefNotFound",
    says: /couldn't find remote ref|Remote branch .{1,300} not found|not our ref|unknown revision or path|bad revision|Not a valid (object|commit) name|Needed a single revision|invalid reference/i,
    advice: "check the branch, tag or commit",
  },
  {
    reason: "RepositoryUnreachable",
    says: /Could not resolve (host|proxy)|Failed to connect|Connection (refused|reset|timed out)|Operation timed out|SSL|certificate|gnutls|Recv failure|Empty reply|early EOF|hung up unexpectedly|returned error: (407|429|5\d\d)|CONNECT tunnel|Proxy CONNECT|response (407|5\d\d)|unexpected disconnect/i,
    advice: "the server, or the way to it, does not answer as it should",
  },
  {
    reason: "PushRejected",
    says: /\[(remote )?rejected\]|failed to push some refs|stale info/i,
    advice: "the server refused the push",
  },
  {
    reason: "ObjectsRejected",
    says: /fsck error|unpacker error|index-pack failed|invalid object|bad (object|tree|packfile)|missing (blob|tree|commit|necessary objects)|lacks these prerequisite|did not (receive|send) (expected|all necessary) object|pack .{0,300}corrupt|inflate|not a v2 or v3 bundle|unrecognized header|does not look like a (v2|bundle)|SHA1 COLLISION/i,
    advice: "the objects are broken, incomplete or hostile",
  },
];

/** What is known of a Git process that did not end well. */
export type FailureInput = {
  readonly command: string;
  readonly stderr: string;
  /** The address in question, for the message; user and password in it are cut. */
  readonly subject?: string;
};

/** Removes user names and passwords from every URL in a text, so that messages can be shown and stored. */
export const withoutCredentials = (text: string): string =>
  text.replaceAll(/([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@]*@/gi, "$1");

/** Where a server sent Git, from the trace of its requests (`GIT_TRACE_CURL`): the address that the repository at `asked` has now. */
export const redirectIn = (trace: string, asked: string | undefined): string | undefined => {
  const location = [...trace.matchAll(/<= Recv header: location: (\S+)/gi)].at(-1)?.[1];
  if (location === undefined || !URL.canParse(location, asked)) return undefined;
  return withoutCredentials(new URL(location, asked).href.replace(/(\/info\/refs)?(\?.*)?$/, ""));
};

// Sentences of Git's own and of programs that it started here: names of repositories and branches may hold "malloc", and a
// server that ran out of memory may have some later.
const overLimit =
  /^(?!remote:|fatal: remote error:)(?:(?:fatal|error|warning): )?(?:(?:\w{1,40}: )?Out of memory\b|File size limit exceeded|.{0,200}\b(?:[mc]|re)alloc failed\b|.{0,200}mmap failed|.{0,200}died of signal \d).{0,200}/im;

// A helper that fails by itself says why; of one that was killed Git has only this to say.
const silentHelper = "fatal: fetch-pack: invalid index-pack output";

const ownLines = (stderr: string): readonly string[] =>
  stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("remote:"));

/** The words that say that Git ran into the limits of its process. */
export const limitIn = (stderr: string): string | undefined => {
  const [first, ...others] = ownLines(stderr);
  const isSilent = first === silentHelper && others.length === 0;
  return isSilent ? "index-pack was killed" : overLimit.exec(stderr)?.[0].slice(0, 200);
};

const lastWords = (stderr: string): string => {
  const lines = stderr
    .split("\n")
    .map((line) => line.replace(/^.*\r/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("hint:"));
  const telling = lines.filter((line) => /^(fatal|error|remote|!)/.test(line));
  return (telling.length > 0 ? telling : lines).slice(-3).join("; ").slice(0, 600);
};

/** Tells from Git's words what went wrong, with a message for people. */
export const classifyFailure = (
  input: FailureInput,
): { readonly reason: GitFailureReason; readonly message: string } => {
  const words = withoutCredentials(lastWords(input.stderr));
  const rule = rules.find((candidate) => candidate.says.test(input.stderr));
  const what = `git ${input.command}${input.subject === undefined ? "" : ` (${withoutCredentials(input.subject)})`}`;
  if (rule === undefined) return { reason: "GitFailed", message: `${what} failed: ${words || "it said nothing"}` };
  return { reason: rule.reason, message: `${what} failed: ${words}: ${rule.advice}` };
};
