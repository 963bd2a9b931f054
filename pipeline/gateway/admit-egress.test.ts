import { describe, expect, it } from "@jest/globals";
import { decideEgress } from "#pipeline/gateway/admit-egress.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";

const wanted = { host: "registry.example.org", port: 443 };
const agent = anAgent({ spec: { egress: { allowHosts: ["registry.example.org", "*.mirror.example"] } } });

describe("decideEgress", () => {
  it("lets an agent at work reach an allowed host", () => {
    expect(decideEgress({ agent, mission: aMission(), wanted })).toEqual({ kind: "granted", value: wanted });
  });

  it("says which hosts are allowed and what to change", () => {
    const elsewhere = { agent, mission: aMission(), wanted: { host: "evil.test", port: 443 } };
    expect(decideEgress(elsewhere)).toEqual({
      kind: "refused",
      refusal: {
        status: 403,
        type: "host_not_allowed",
        message:
          'Agent "fix-bug-coder" may reach registry.example.org, *.mirror.example only, not evil.test:443; if it should, add the host to spec.egress.allowHosts of Mission "fix-bug"',
      },
    });
    expect(decideEgress({ agent: anAgent(), mission: aMission(), wanted })).toMatchObject({
      refusal: { status: 403, message: expect.stringMatching(/may reach no host, not registry\.example\.org:443/) },
    });
  });

  it.each([
    ["a suspended agent", { agent: anAgent({ spec: { ...agent.spec, suspend: true } }), mission: aMission() }, 429],
    ["a suspended mission", { agent, mission: aMission({ spec: { suspend: true } }) }, 429],
    ["an agent without its mission", { agent, mission: undefined }, 403],
    [
      "an agent that is being deleted",
      { agent: anAgent({ ...agent, metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }), mission: aMission() },
      403,
    ],
  ])("lets %s go nowhere", (_, snapshot, status) => {
    expect(decideEgress({ ...snapshot, wanted })).toMatchObject({ kind: "refused", refusal: { status } });
  });
});
