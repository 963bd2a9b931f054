import { describe, expect, it } from "@jest/globals";
import { classifyFailure, limitIn, redirectIn, withoutCredentials } from "#nervous-system/git/failure.ts";
import { withoutDrivers } from "#nervous-system/git/git.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";

const cases: ReadonlyArray<readonly [words: string, reason: string]> = [
  ["fatal: repository 'https://h/x.git/' not found", "RepositoryNotFound"],
  ["remote: Not found.\nfatal: repository 'https://h/x.git/' not found", "RepositoryNotFound"],
  ["fatal: Authentication failed for 'https://h/x.git/'", "AuthenticationFailed"],
  [
    "remote: This repository was archived so it is read-only.\nfatal: unable to access 'https://h/': The requested URL returned error: 403",
    "PushRejected",
  ],
  ["fatal: could not read Username for 'https://h': terminal prompts disabled", "AuthenticationFailed"],
  ["fatal: couldn't find remote ref refs/heads/none", "RefNotFound"],
  ["fatal: remote error: upload-pack: not our ref 0123", "RefNotFound"],
  ["fatal: unable to access 'https://h/': Could not resolve host: h", "RepositoryUnreachable"],
  [
    "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none",
    "RepositoryUnreachable",
  ],
  ["fatal: unable to access 'https://h/': The requested URL returned error: 503", "RepositoryUnreachable"],
  ["fatal: unable to access 'https://h/': The requested URL returned error: 301", "Redirected"],
  ["fatal: transport 'ext' not allowed", "ProtocolNotAllowed"],
  [" ! [rejected]        a -> b (stale info)", "PushRejected"],
  ["error: object 12: hasDotgit: contains '.git'\nfatal: fsck error in packed object", "ObjectsRejected"],
  ["something new", "GitFailed"],
];

describe("classifyFailure", () => {
  it.each(cases)("reads %j as %s", (stderr, reason) => {
    const failure = classifyFailure({ command: "fetch", stderr });
    expect(failure.reason).toBe(reason);
    expect(failure.message).toMatch(/^git fetch failed: /);
  });

  it.each([
    "fatal: unable to access 'https://h/jemalloc/jemalloc.git/': The requested URL returned error: 503",
    "fatal: Authentication failed for 'https://h/mimalloc.git/'",
    "fatal: couldn't find remote ref refs/heads/fix-malloc",
    " ! [remote rejected] a -> swarm/malloc-fix/coder (pre-receive hook declined)",
    "fatal: remote error: upload-pack: out of memory",
    "remote: fatal: Out of memory, malloc failed",
  ])("takes no name and no word of a server's for its own limit: %s", (words) => {
    expect(limitIn(words)).toBeUndefined();
  });

  it.each([
    "fatal: Out of memory, malloc failed (tried to allocate 524288000 bytes)",
    "fatal: Out of memory, realloc failed",
    "fatal: inflateInit: out of memory (no message)",
    "error: index-pack died of signal 9",
    "fatal: mmap failed: Cannot allocate memory",
    "File size limit exceeded",
  ])("knows that it ran into a limit by: %s", (words) => {
    expect(limitIn(`remote: Counting objects\n${words}`)).toBe(words);
  });

  it("never shows a password of an address", () => {
    const stderr = "fatal: unable to access 'https://ann:p4ss@h/x.git/': Failed to connect to h";
    const { message } = classifyFailure({
      command: "fetch",
      stderr,
      subject: "https://ann:p4ss@h/x.git",
    });
    expect(message).not.toContain("p4ss");
    expect(message).toContain("https://h/x.git");
    expect(withoutCredentials("a https://h/x@y b")).toBe("a https://h/x@y b");
  });
});

describe("withoutDrivers", () => {
  it("guards each subcommand that shows differences and leaves the others alone", () => {
    expect(withoutDrivers(["diff", "HEAD"])).toEqual(["diff", "--no-ext-diff", "--no-textconv", "HEAD"]);
    expect(withoutDrivers(["grep", "x"])).toEqual(["grep", "--no-textconv", "x"]);
    expect(withoutDrivers(["status"])).toEqual(["status"]);
  });
});

describe("what words cost", () => {
  // The beginning of each rule again and again, on one line, without its end.
  const beginnings = [
    "transport '",
    "Remote branch ",
    "pack ",
    "repository '",
    "returned error: ",
    "SSL",
    "malloc",
    "remote:",
    "://",
    "a.a.a.",
    "http://",
    "error: ",
    "\r",
    "\nfatal: ",
    "hint:\n",
    "<= Recv header: location: ",
  ];

  it.each(beginnings)("grows no faster than their length: %j", (words) => {
    const classify = (n: number) => {
      const stderr = words.repeat(n);
      return () => [classifyFailure({ command: "fetch", stderr, subject: stderr }), limitIn(stderr)];
    };
    const trace = (n: number) => {
      const text = `<= Recv header: location: ${words.repeat(n)}`;
      return () => redirectIn(text, "https://h/x");
    };
    expect(growthOf(2_000, classify)).toBeLessThan(mostGrowth);
    expect(growthOf(2_000, trace)).toBeLessThan(mostGrowth);
  });
});
