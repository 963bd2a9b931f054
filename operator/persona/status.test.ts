import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { findCondition, isTrue } from "#nervous-system/schemas/conditions.ts";
import { computePersonaStatus } from "#operator/persona/status.ts";
import { aPersona } from "#test/builders/persona.ts";

describe("a Persona", () => {
  it("is Ready, with the digest that sha256sum tells of its prompt", () => {
    const systemPrompt = "You doubt – and say so.\n";
    const status = computePersonaStatus(aPersona({ spec: { systemPrompt } }), 1_000);
    expect(isTrue(status.conditions, "Ready")).toBe(true);
    expect(status.phase).toBe("Ready");
    expect(status.digest).toBe(`sha256:${createHash("sha256").update(Buffer.from(systemPrompt)).digest("hex")}`);
  });

  it("has the digest of its prompt alone: what it is for tells agents nothing", () => {
    const digestOf = (description: string) => computePersonaStatus(aPersona({ spec: { description } }), 1_000).digest;
    expect(digestOf("Reads closely.")).toBe(digestOf("Reads twice."));
  });

  it("stalls on a secret in its prompt, and says what to do without saying it", () => {
    const secret = ["ghp", "0123456789abcdefghijABCDEFGHIJ012345"].join("_");
    const { conditions, phase } = computePersonaStatus(
      aPersona({ spec: { systemPrompt: `Clone with ${secret}.` } }),
      1_000,
    );
    expect(phase).toBe("NotReady");
    for (const type of ["Ready", "Stalled"] as const)
      expect(findCondition(conditions, type)).toMatchObject({
        status: type === "Ready" ? "False" : "True",
        reason: "SecretInPersona",
        message: expect.stringMatching(/^spec\.systemPrompt holds a secret .*take it out.*revoke/),
      });
    expect(JSON.stringify(conditions)).not.toContain(secret);
  });
});
