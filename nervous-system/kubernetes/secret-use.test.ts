import { describe, expect, it } from "@jest/globals";
import type { Secret } from "#nervous-system/kubernetes/kinds.ts";
import { judgeSecret, listsHost } from "#nervous-system/kubernetes/secret-use.ts";

const secretWith = (labels: Record<string, string>, repositories: string, data: Record<string, string>): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "forge",
    namespace: "team",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels,
    annotations: {
      "swarm.enchanted.dev/repositories": repositories,
      "swarm.enchanted.dev/hosts": "git.example:3000",
    },
  },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")])),
});

const wanted = {
  namespace: "team",
  name: "forge",
  use: "git",
  repo: "https://git.example:3000/team/app.git",
  keys: ["username", "password"],
} as const;
const forGit = { "swarm.enchanted.dev/use": "git" };
const login = { username: "ann", password: "p4ss\n" };

describe("judgeSecret", () => {
  it("gives the values of a Secret that is meant for the repository", () => {
    const secret = secretWith(forGit, "https://other/team/app, https://git.example:3000/team/*", login);
    expect(judgeSecret(secret, wanted)).toEqual({
      kind: "usable",
      values: { username: "ann", password: "p4ss" },
    });
  });

  it.each(["constructor", "toString", "__proto__"])(
    "says that there is no key %s, which every object inherits",
    (key) => {
      const secret = secretWith(forGit, wanted.repo, login);
      expect(judgeSecret(secret, { ...wanted, keys: [key] })).toMatchObject({
        reason: "SecretNotFound",
        message: expect.stringContaining(`has no ${key}`),
      });
    },
  );

  it.each([
    ["does not exist", undefined, "SecretNotFound", "does not exist"],
    [
      "is meant for models",
      secretWith({ "swarm.enchanted.dev/use": "model" }, wanted.repo, login),
      "SecretNotAllowed",
      "not labelled",
    ],
    ["has no label", secretWith({}, wanted.repo, login), "SecretNotAllowed", "not labelled"],
    [
      "lists another repository of the host",
      secretWith(forGit, "https://git.example:3000/payroll/*", login),
      "SecretNotAllowed",
      "does not list https://git.example:3000/team/app.git",
    ],
    ["lists the host for models alone", secretWith(forGit, "", login), "SecretNotAllowed", "does not list https://"],
    ["lacks a key", secretWith(forGit, wanted.repo, { username: "ann" }), "SecretNotFound", "has no password"],
  ])("refuses one that %s", (_, secret, reason, words) => {
    const verdict = judgeSecret(secret, wanted);
    expect(verdict).toMatchObject({ kind: "refused", reason });
    expect(verdict).toHaveProperty("message", expect.stringContaining(words));
  });
});

describe("listsHost", () => {
  it("knows ports and case, and no wildcards or parts", () => {
    expect(listsHost("GIT.example", "git.example:3000")).toBe(true);
    expect(listsHost("git.example:3000", "git.example:3001")).toBe(false);
    expect(listsHost("*", "git.example")).toBe(false);
    expect(listsHost("example", "git.example")).toBe(false);
    expect(listsHost("", "git.example")).toBe(false);
  });
});
