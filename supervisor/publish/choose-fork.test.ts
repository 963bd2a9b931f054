import { describe, expect, it } from "@jest/globals";
import type { Secret } from "#nervous-system/kubernetes/kinds.ts";
import type { Forge } from "#supervisor/forge/forge.ts";
import type { Admitted } from "#supervisor/publish/admit-proposal.ts";
import { chooseFork, judgeForkUse } from "#supervisor/publish/choose-fork.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMetadata } from "#test/builders/metadata.ts";
import { aMission } from "#test/builders/mission.ts";

const repo = "https://forge.example.org/team/app.git";
const fork = { owner: "robot", name: "app", url: "https://forge.example.org/robot/app.git" };

const secretFor = (repositories: string): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: aMetadata("Secret", "forge", {
    labels: { "swarm.enchanted.dev/use": "git" },
    annotations: { "swarm.enchanted.dev/repositories": repositories },
  }),
  data: {},
});

const admitted = (repositories: string, via?: "Branch" | "Fork"): Admitted => ({
  mission: aMission({
    spec: { workspace: { repo, secretRef: { name: "forge" }, ...(via === undefined ? {} : { publish: { via } }) } },
  }),
  agent: anAgent(),
  repo: new URL(repo),
  ref: "main",
  credentials: { username: "robot", password: "p" },
  secret: secretFor(repositories),
});

type Forks = Pick<Forge, "findFork" | "makeFork">;

/** A forge that has the fork, or makes it, and tells what it was asked. */
const forgeWith = (isThere: boolean, made = fork): Forks & { readonly asked: string[] } => {
  const asked: string[] = [];
  return {
    asked,
    findFork: async () => (asked.push("find"), { kind: "ok", value: { ...fork, isThere } }),
    makeFork: async () => (asked.push("make"), { kind: "ok", value: made }),
  };
};
const listed = `${repo}, https://forge.example.org/robot/*`;

describe("where a branch is pushed", () => {
  it.each([undefined, "Branch"] as const)("is the repository itself, without a question, by %s", async (via) => {
    const forge = forgeWith(true);
    expect(await chooseFork(forge, admitted(repo, via))).toEqual({ kind: "ok", value: undefined });
    expect(forge.asked).toEqual([]);
  });

  it("is the fork that is there, or one that is made once", async () => {
    const [has, makes] = [forgeWith(true), forgeWith(false)];
    for (const forge of [has, makes])
      expect(await chooseFork(forge, admitted(listed, "Fork"))).toEqual({ kind: "ok", value: fork });
    expect([has.asked, makes.asked]).toEqual([["find"], ["find", "make"]]);
  });

  it("is no fork that the Secret does not list, and none is made then", async () => {
    const forge = forgeWith(false);
    expect(await chooseFork(forge, admitted(repo, "Fork"))).toMatchObject({
      kind: "refused",
      reason: "ForkNotAllowed",
      message: expect.stringContaining(`does not list ${fork.url}`),
    });
    expect(forge.asked).toEqual(["find"]);
  });

  it("is judged by the name that the fork has in the end", () => {
    const elsewhere = { ...fork, url: "https://forge.example.org/payroll/app.git" };
    expect(judgeForkUse(admitted(listed, "Fork"), fork)).toBeUndefined();
    expect(judgeForkUse(admitted(listed, "Fork"), elsewhere)).toMatchObject({ reason: "ForkNotAllowed" });
  });

  it("waits while the forge is away, and is told what it refuses", async () => {
    const away: Forks = { ...forgeWith(false), findFork: async () => ({ kind: "retry", message: "away" }) };
    expect(await chooseFork(away, admitted(listed, "Fork"))).toEqual({ kind: "retry", message: "away" });
    const refusal = { kind: "refused", reason: "ForkTaken", message: "no fork" } as const;
    const full: Forks = { ...forgeWith(false), makeFork: async () => refusal };
    expect(await chooseFork(full, admitted(listed, "Fork"))).toEqual(refusal);
  });
});
