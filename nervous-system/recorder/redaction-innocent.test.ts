import { describe, expect, it } from "@jest/globals";
import { createRedactor } from "./redact.ts";
import { secretValuesOf } from "./secret-values.ts";

const { redact } = createRedactor([]);
const left = (text: string): unknown => redact({ event_type: "THOUGHT", payload: { text } }).frame.payload["text"];
const known = (value: string): readonly string[] => secretValuesOf({ A_SECRET: value }).map((secret) => secret.value);

describe("what only says that a secret belongs there, or was", () => {
  it.each([
    "${OTHER_SECRET_1}",
    "$OTHER_SECRET_1",
    "{{secrets.db-1}}",
    "{my.secret9key}",
    "<your-secret-1>",
    "%OTHER_SECRET_1%",
    "[redacted:github-token]",
    "****************",
  ])("is none, in a text and in a variable: %s", (placeholder) => {
    expect(left(`secret: "${placeholder}"`)).toBe(`secret: "${placeholder}"`);
    expect(known(placeholder)).toEqual([]);
  });

  it.each([
    "a$OTHER_SECRET_1",
    "{my.secret9key}2",
    "{my-secret-9key}",
    "%OTHER_SECRET_1%2",
    "%s3cr3t-value",
    "*a1b2-c3d4*",
    "[redacted-1a2b",
    "…a1b2-c3d4",
  ])("is another text than one that looks a little like it: %s", (secret) => {
    expect(left(`secret: "${secret}"`)).toBe('secret: "[redacted:assignment]"');
    expect(known(secret)).toContain(secret);
  });
});
