import { describe, expect, it } from "@jest/globals";
import { accessTo, readAccessTo, renderRules } from "#nervous-system/kubernetes/access.ts";
import { leases, pods } from "#nervous-system/kubernetes/kinds.ts";

describe("renderRules", () => {
  it("merges what is declared into one sorted rule per resource, and grants nothing else", () => {
    const rules = renderRules([
      accessTo(pods, ["patch"], "status"),
      readAccessTo(pods),
      accessTo(leases, ["create"]),
      accessTo(pods, ["create", "get"]),
    ]);
    expect(rules).toEqual([
      { apiGroups: [""], resources: ["pods"], verbs: ["create", "get", "list", "watch"] },
      { apiGroups: [""], resources: ["pods/status"], verbs: ["patch"] },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
    ]);
  });
});
