import { describe, expect, it } from "@jest/globals";
import type { Secret } from "#nervous-system/kubernetes/kinds.ts";
import { judgeSecret, listsHost } from "#nervous-system/kubernetes/secret-use.ts";

const secretWith = (labels: Record<string, string>, hosts: string, data: Record<string, string>): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "forge",
    namespace: "team",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels,
    annotations: { "swarm.enchanted.dev/hosts": hosts },
  },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")])),
});

const wanted = {
  namespace: "team",
  name: "forge",
  use: "git",
  host: "git.example:3000",
  keys: ["username", "password"],
} as const;
const forGit = { "swarm.enchanted.dev/use": "git" };
const login = { username: "ann", password: "p4ss\n" };

describe("judgeSecret", () => {
  it("gives the values of a Secret that is meant for the host", () => {
    expect(judgeSecret(secretWith(forGit, "other, git.example:3000", login), wanted)).toEqual({
      kind: "usable",
      values: { username: "ann", password: "p4ss" },
    });
  });

  it.each([
    ["does not exist", undefined, "SecretNotFound", "does not exist"],
    [
      "is meant for models",
      secretWith({ "swarm.enchanted.dev/use": "model" }, "git.example", login),
      "SecretNotAllowed",
      "not labelled",
    ],
    ["has no label", secretWith({}, "git.example", login), "SecretNotAllowed", "not labelled"],
    [
      "lists another host",
      secretWith(forGit, "evil.example", login),
      "SecretNotAllowed",
      "does not list git.example:3000",
    ],
    ["lacks a key", secretWith(forGit, "git.example", { username: "ann" }), "SecretNotFound", "has no password"],
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
