import { describe, expect, it } from "@jest/globals";
import type { NetworkPolicy } from "#nervous-system/kubernetes/kinds.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { label } from "#nervous-system/schemas/names.ts";
import { confinementName, confinementOf, judgeNetwork } from "#operator/pod/confinement.ts";
import { aNetwork, aNetworkPolicy, someRelease } from "#test/builders/network.ts";

type Spec = NonNullable<NetworkPolicy["spec"]>;

const confinement = confinementOf(someRelease);
const withPolicies = (...policies: NetworkPolicy[]) => ({ ...aNetwork(), policies });
const changed = (change: Partial<Spec>) => withPolicies(aNetworkPolicy(confinementName, { ...confinement, ...change }));
const anywhere: NonNullable<Spec["egress"]> = [{}];
const openTo = (podSelector: NonNullable<Spec["podSelector"]>, more: Partial<Spec> = {}) =>
  aNetwork(aNetworkPolicy("other", { podSelector, policyTypes: ["Egress"], egress: anywhere, ...more }));

describe("a network without the chart's policy as it made it", () => {
  it.each([
    ["none at all", withPolicies()],
    ["one of another name", withPolicies(aNetworkPolicy("enchanted"))],
    ["one that selects other pods", changed({ podSelector: { matchLabels: { [label.confined]: "yes" } } })],
    ["one that isolates no egress", changed({ policyTypes: ["Ingress"] })],
    ["one that lets everything out", changed({ egress: anywhere })],
    ["one that lets DNS out, too", changed({ egress: [...(confinement.egress ?? []), { ports: [{ port: 53 }] }] })],
    ["one that lets something in", changed({ ingress: [{}] })],
    [
      "one of another release",
      withPolicies(aNetworkPolicy(confinementName, confinementOf({ ...someRelease, name: "x" }))),
    ],
  ])("confines nothing: %s", (_, network) => {
    expect(judgeNetwork(network)).toMatchObject({ reason: Reason.NetworkPolicyMissing, stalled: true });
  });

  it("confines nothing: one that is being deleted", () => {
    const policy = aNetworkPolicy();
    const metadata = { ...policy.metadata, deletionTimestamp: "2026-11-23T10:00:00Z" };
    expect(judgeNetwork(withPolicies({ ...policy, metadata }))?.reason).toBe(Reason.NetworkPolicyMissing);
  });
});

describe("a network with the chart's policy", () => {
  it("confines, whatever the order of its members is", () => {
    const { egress, ...rest } = confinement;
    expect(judgeNetwork(aNetwork())).toBeUndefined();
    expect(judgeNetwork(withPolicies(aNetworkPolicy(confinementName, { egress, ...rest } as Spec)))).toBeUndefined();
  });

  const ours = "swarm.enchanted.dev";
  it.each<[string, NonNullable<Spec["podSelector"]>]>([
    ["every pod", {}],
    ["confined pods by name", { matchLabels: { [label.confined]: "true" } }],
    ["whatever says confined", { matchExpressions: [{ key: label.confined, operator: "Exists" }] }],
    ["pods of a zone", { matchLabels: { "topology.kubernetes.io/zone": "a" } }],
    ["pods of one agent", { matchLabels: { [`${ours}/agent`]: "fix-bug-coder" } }],
    ["all but one team's", { matchExpressions: [{ key: "team", operator: "NotIn", values: ["red"] }] }],
    ["pods without a label", { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] }],
  ])("does not confine where another policy opens the way out of %s", (_, podSelector) => {
    expect(judgeNetwork(openTo(podSelector))).toMatchObject({
      reason: Reason.NetworkPolicyConflict,
      message: expect.stringContaining('"other"'),
    });
  });

  it.each<[string, NonNullable<Spec["podSelector"]>]>([
    ["pods of an application", { matchLabels: { app: "web" } }],
    ["all but confined pods", { matchExpressions: [{ key: label.confined, operator: "DoesNotExist" }] }],
    ["all that do not say true", { matchExpressions: [{ key: label.confined, operator: "NotIn", values: ["true"] }] }],
  ])("confines beside a policy for %s", (_, podSelector) => {
    expect(judgeNetwork(openTo(podSelector))).toBeUndefined();
  });

  it.each<[string, Partial<Spec>]>([
    ["every pod", { ingress: [{}] }],
    ["whoever asks at one port", { ingress: [{ ports: [{ port: 9090 }] }] }],
  ])("does not confine where another policy lets in %s", (_, opened) => {
    expect(judgeNetwork(openTo({}, { policyTypes: ["Ingress"], ...opened }))).toMatchObject({
      reason: Reason.NetworkPolicyConflict,
      message: expect.stringContaining('"other" of namespace "default" lets others reach agents, because'),
    });
  });

  it("says both of a policy that opens both ways", () => {
    const both = openTo({}, { policyTypes: ["Egress", "Ingress"], ingress: [{}] });
    expect(judgeNetwork(both)?.message).toContain("lets agents out and lets others reach agents, because");
  });

  it("confines beside a policy that opens nothing, or says nothing of it", () => {
    expect(judgeNetwork(openTo({}, { egress: [] }))).toBeUndefined();
    expect(judgeNetwork(openTo({}, { policyTypes: ["Ingress"], ingress: [] }))).toBeUndefined();
    expect(judgeNetwork(openTo({}, { policyTypes: ["Ingress"] }))).toBeUndefined();
    expect(judgeNetwork(openTo({}, { egress: [], ingress: [{}] }))).toBeUndefined();
    const elsewhere = { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"], ingress: [{}] };
    expect(judgeNetwork(aNetwork(aNetworkPolicy("other", elsewhere)))).toBeUndefined();
  });
});
