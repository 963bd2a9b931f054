import { describe, expect, it } from "@jest/globals";
import { findCondition, isTrue } from "#nervous-system/schemas/conditions.ts";
import type { CheckAnswer } from "#operator/gateway/check.ts";
import { computeElsewhereStatus, computeModelStatus, modelOutcome } from "#operator/model/decide.ts";
import { aModel } from "#test/builders/model.ts";

const judged = (answer: CheckAnswer) => {
  const snapshot = { model: aModel(), answer, probedAtMs: 1_000, recheckMs: 300_000, nowMs: 1_000 };
  return { status: computeModelStatus(snapshot), outcome: modelOutcome(snapshot) };
};

describe("a Model", () => {
  it("is Ready when the gateway reached its endpoint, and is tried again later", () => {
    const { status, outcome } = judged({ kind: "answered", ok: true, reason: "ProbeSucceeded", message: "" });
    expect(isTrue(status.conditions, "Ready")).toBe(true);
    expect(isTrue(status.conditions, "ResolvedRefs")).toBe(true);
    expect(outcome).toEqual({ kind: "done", recheckMs: 300_000 });
  });

  it.each(["SecretNotAllowed", "SecretNotFound", "SecretInvalid"])(
    "stalls on a Secret that a person must change: %s",
    (reason) => {
      const { status } = judged({ kind: "answered", ok: false, reason, message: "label it" });
      expect(findCondition(status.conditions, "ResolvedRefs")).toMatchObject({
        status: "False",
        message:
          "label it. It is tried again within 5 min, at once when annotation swarm.enchanted.dev/requestedAt of the Model changes.",
      });
      expect(isTrue(status.conditions, "Stalled")).toBe(true);
    },
  );

  it("waits for an endpoint that does not answer", () => {
    const { status, outcome } = judged({
      kind: "answered",
      ok: false,
      reason: "EndpointUnreachable",
      message: "ECONNREFUSED",
    });
    expect(findCondition(status.conditions, "Ready")).toMatchObject({ status: "False", reason: "EndpointUnreachable" });
    expect(isTrue(status.conditions, "Reconciling")).toBe(true);
    expect(outcome).toMatchObject({ kind: "waiting", reason: "EndpointUnreachable" });
  });

  it("is unknown while the gateway is away", () => {
    const { status } = judged({ kind: "unavailable", message: "ECONNREFUSED" });
    expect(findCondition(status.conditions, "Ready")?.status).toBe("Unknown");
    expect(status.lastProbeTime).toBeUndefined();
  });

  it("stalls where no mission runs, whatever it was before, and is judged anew where one does", () => {
    const { status: ready } = judged({ kind: "answered", ok: true, reason: "ProbeSucceeded", message: "" });
    const elsewhere = computeElsewhereStatus({ ...aModel(), status: ready }, 2_000);
    const told = { reason: "NotTenant", message: expect.stringContaining("`tenants`") };
    expect(findCondition(elsewhere.conditions, "Ready")).toMatchObject({ status: "False", ...told });
    expect(findCondition(elsewhere.conditions, "Stalled")).toMatchObject({ status: "True", ...told });
    expect(elsewhere).toMatchObject({ phase: "NotReady", observedGeneration: aModel().metadata.generation });
    const answer = { kind: "answered", ok: true, reason: "ProbeSucceeded", message: "" } as const;
    const model = { ...aModel(), status: elsewhere };
    const back = computeModelStatus({ model, answer, probedAtMs: 3_000, recheckMs: 300_000, nowMs: 3_000 });
    expect(isTrue(back.conditions, "Ready")).toBe(true);
    expect(findCondition(back.conditions, "Stalled")).toBeUndefined();
  });
});
