import { describe, expect, it } from "@jest/globals";
import * as z from "zod";
import { parseConfig } from "#nervous-system/kernel/config.ts";

const schema = z.object({
  NATS_URL: z.url().describe("the JetStream server, such as nats://nats:4222"),
  WORKERS: z.coerce.number().int().min(1).default(4).describe("reconciles at a time, 1 or more"),
  API_TOKEN: z.string().regex(/^tok-/).optional().describe("the token that the forge issued"),
});

describe("parseConfig", () => {
  it("compiles variables into typed values with defaults, ignoring the rest of the environment", () => {
    const parsed = parseConfig(schema, { NATS_URL: "nats://n:4222", PATH: "/bin", WORKERS: "" });
    expect(parsed).toEqual({ kind: "valid", value: { NATS_URL: "nats://n:4222", WORKERS: 4 } });
  });

  it("names every wrong variable at once, with what is wrong and what to do", () => {
    const parsed = parseConfig(schema, { WORKERS: "0" });
    if (parsed.kind === "valid") throw new Error("accepted");
    expect(parsed.problems.map((p) => p.variable)).toEqual(["NATS_URL", "WORKERS"]);
    expect(parsed.message).toContain(
      "NATS_URL: is not set; set NATS_URL: the JetStream server, such as nats://nats:4222",
    );
    expect(parsed.message).toContain("set WORKERS: reconciles at a time, 1 or more");
  });

  it("never prints a value, because it may be a secret", () => {
    const parsed = parseConfig(schema, {
      NATS_URL: "hunter2-as-url",
      WORKERS: "hunter2",
      API_TOKEN: "hunter2",
    });
    expect(parsed.kind).toBe("invalid");
    expect(JSON.stringify(parsed)).not.toContain("hunter2");
  });

  it("reports a rule between variables under the rule's own words", () => {
    const pair = z.object({ CERT: z.string().optional(), KEY: z.string().optional() });
    const both = pair.refine((c) => (c.CERT === undefined) === (c.KEY === undefined), "CERT and KEY go together");
    const parsed = parseConfig(both, { CERT: "x" });
    expect(parsed).toMatchObject({
      kind: "invalid",
      problems: [{ problem: "CERT and KEY go together" }],
    });
  });
});
