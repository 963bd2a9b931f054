import { expect, it } from "@jest/globals";
import { ApiError } from "#nervous-system/kubernetes/errors.ts";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import { agents } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { refusalOf } from "#operator/runtime/create-owned.ts";

const refused = (words: string, code = 403): ApiError =>
  new ApiError({
    code,
    reason: "Forbidden",
    message: `POST /pods: ${code} Forbidden: pods "a-1" is forbidden: ${words}`,
  });

const again = "it is tried again every 30 s.";

it.each([
  [
    "a quota of pods without room",
    refused("exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4"),
    pods,
    "QuotaExceeded",
    `ResourceQuota "team" of namespace "red" has no room for the Pod (requested: pods=1, used: pods=4, limited: pods=4): raise it, or let others end; ${again}`,
  ],
  [
    "a quota of agents without room",
    refused("exceeded quota: few, requested: count/agents=1, used: count/agents=2, limited: count/agents=2"),
    agents,
    "QuotaExceeded",
    'ResourceQuota "few" of namespace "red" has no room for the Agent',
  ],
  [
    "a quota of what our containers do not name",
    refused("failed quota: disk: must specify limits.ephemeral-storage for: agent,fetch"),
    pods,
    "PodRejected",
    `for: agent,fetch. Give namespace "red" a LimitRange with a default for what is missing; ${again}`,
  ],
  [
    "a LimitRange that allows less",
    refused("maximum memory usage per Container is 1Gi, but limit is 2Gi."),
    pods,
    "PodRejected",
    'but limit is 2Gi. Change the LimitRange of namespace "red", or what agents may use: spec.template.pod.resources',
  ],
  ["anything else", refused("no pods on a Friday"), pods, "PodRejected", "no pods on a Friday"],
  [
    "an Agent that a policy refuses",
    refused("no agents on a Friday"),
    agents,
    "AgentRejected",
    "no agents on a Friday",
  ],
] as const)("tells of %s by reason and remedy", (_, error, kind, reason, words) => {
  expect(refusalOf(error, kind, "red")).toMatchObject({
    reason,
    stalled: true,
    message: expect.stringContaining(words),
  });
});

it.each([
  ["a quota that was not counted yet", refused("status unknown for quota: team, resources: pods")],
  ["a server in trouble", new ApiError({ code: 500, reason: "InternalError", message: "etcd is away" })],
])("has %s tried again soon", (_, error) => {
  expect(refusalOf(error, pods, "red")).toBeUndefined();
});
