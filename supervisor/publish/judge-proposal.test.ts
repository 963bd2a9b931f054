import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultPolicy } from "#nervous-system/git/change-policy.ts";
import { createGit, type Git } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { knownSecretIn } from "#nervous-system/recorder/redact.ts";
import { judgeProposal } from "#nervous-system/git/judge-proposal.ts";

let top: string;
let git: Git;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "judge-proposal-"));
  git = createGit({ dir: top, env: { PATH: process.env["PATH"] }, clock: systemClock() });
  await mustRun(git, ["init", "-q"]);
});
afterEach(() => rm(top, { recursive: true }));

const treeWith = async (content: string | Buffer): Promise<string> => {
  await writeFile(join(top, "file"), content);
  await mustRun(git, ["add", "--all"]);
  return (await mustRun(git, ["write-tree"])).toString().trim();
};

// Put together here, so that no scanner takes this file for a leak.
const key = ["AKIA", "QWERTYUIOPASDFGH"].join("");
const pem = ["-----BEGIN RSA PRIVATE", " KEY-----\n", "MIIEpAIBAAKCAQEA7bq2bq2bq2bq2bq2bq2b\n"].join("");

describe("secrets in added lines", () => {
  const judge = async (before: string, after: string | Buffer, rejectSecrets = true) => {
    const trees = { base: await treeWith(before), head: await treeWith(after) };
    return judgeProposal(git, trees, { policy: { ...defaultPolicy, rejectSecrets }, secretIn: knownSecretIn });
  };

  it.each([
    ["a key in a line", `a\n`, `a\nconst k = "${key}";\n`, "aws-key"],
    ["a private key", "a\n", `a\n${pem}`, "private-key"],
    ["a key behind bytes that are no text", "a\n", Buffer.from(`a\n\0\u00ff${key} \n`, "latin1"), "aws-key"],
    ["a key where one slice ends", "a\n", `${"x ".repeat(32_760)} ${key} ${"x ".repeat(40_000)}`, "aws-key"],
    ["a key in a file too large to be compared", "a\n", `${"some words\n".repeat(900_000)}${key}\n`, "aws-key"],
  ])("are refused, and not shown: %s", async (_, before, after, kind) => {
    const judged = await judge(before, after);
    expect(judged).toMatchObject({ kind: "refused", reason: "SecretFound" });
    expect(judged).toMatchObject({ message: expect.stringContaining(`"file" adds what reads as a secret (${kind})`) });
    expect(JSON.stringify(judged)).not.toContain(key);
  });

  it("are not those that were there, that go, or that the mission allows", async () => {
    expect(await judge(`${key}\nb\n`, `${key}\nc\n`)).toMatchObject({ kind: "ok" });
    expect(await judge(`${key}\nb\n`, "b\n")).toMatchObject({ kind: "ok" });
    expect(await judge("a\n", `${key}\n`, false)).toMatchObject({ kind: "ok" });
  });

  it("are none that only the words around make one, as tests are full of", async () => {
    const example =
      'login({ password: "hunter22!x" }); const url = "https://ann:secret@host/"; // Bearer 0123456789abcdef\n';
    expect(await judge("a\n", example)).toMatchObject({ kind: "ok" });
  });
});

it("judges by what holds for every change first, then by the policy", async () => {
  const base = await treeWith("a\n");
  const head = await treeWith("b\n");
  const rules = { policy: { ...defaultPolicy, deniedPaths: ["file"] }, secretIn: knownSecretIn };
  expect(await judgeProposal(git, { base, head: base }, rules)).toMatchObject({ reason: "NothingChanged" });
  expect(await judgeProposal(git, { base, head }, rules)).toMatchObject({ reason: "PathDenied" });
});
