import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { createKnownTexts } from "./known-texts.ts";
import { createRedactor } from "./redact.ts";
import { secretValuesOf } from "./secret-values.ts";

type Environment = Record<string, string>;
const leftWith = (environment: Environment, text: string): unknown =>
  createRedactor([], secretValuesOf(environment)).redact({ event_type: "THOUGHT", payload: { text } }).frame.payload[
    "text"
  ];
const odd = 'k9"& é/7\\zQ+w';
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("the value of a secret variable", () => {
  it.each([
    ["as it is", (value: string) => `it said ${value}!`],
    ["in JSON", (value: string) => JSON.stringify({ a: value })],
    ["in JSON in JSON", (value: string) => JSON.stringify(JSON.stringify({ a: value }))],
    ["in JSON as Python writes it", (value: string) => JSON.stringify(value).replace("é", String.raw`\u00e9`)],
    ["in JSON as Go writes it", (value: string) => JSON.stringify(value).replace("&", String.raw`\u0026`)],
    ["in JSON as PHP writes it", (value: string) => JSON.stringify(value).replace("/", String.raw`\/`)],
    ["in a URL", (value: string) => `https://example.org/?a=${encodeURIComponent(value)}&b=1`],
    ["in a form", (value: string) => new URLSearchParams({ a: value }).toString()],
    ["in base64", (value: string) => `<${base64(value)}>`],
    ["in base64 behind a user", (value: string) => `<${base64(`ann:${value}`)}>`],
    ["in base64 behind a longer one", (value: string) => `<${base64(`anna:${value}\n`)}>`],
    ["in base64 for URLs", (value: string) => `<${Buffer.from(`x${value}`).toString("base64url")}>`],
  ])("does not stay %s", (_, write) => {
    for (const value of [odd, "plainvalue9", "12345678-aaaa"]) {
      const left = leftWith({ MY_VALUE_KEY: value }, write(value)) as string;
      expect(left).toContain("[redacted:MY_VALUE_KEY]");
      expect(write(value).length - left.replace("[redacted:MY_VALUE_KEY]", "").length).toBeGreaterThanOrEqual(
        value.length,
      );
    }
  });

  it("does not stay, whatever it is and stands in", () => {
    const value = fc
      .string({ minLength: 16, maxLength: 60 })
      .filter((text) => secretValuesOf({ A_KEY: text }).length > 0);
    fc.assert(
      fc.property(value, fc.string(), fc.string(), (secret, before, after) => {
        const text = secret.trim();
        expect(leftWith({ A_KEY: secret }, `${before}${text}${after}`)).not.toContain(text);
      }),
    );
  });

  it("is none where the name is of a shell's directory, however it is called", () => {
    const directory = "/tmp/work-Ix8iaCq3Zz0Lk2Pp";
    expect(leftWith({ PWD: directory, OLDPWD: `${directory}/a` }, `${directory}/a/b`)).toBe(`${directory}/a/b`);
  });

  it("goes whole, where a rule would find a part of it", () => {
    expect(leftWith({ DB_PASSWORD: "abcd1234;ef56" }, "DB_PASSWORD=abcd1234;ef56")).toBe(
      "DB_PASSWORD=[redacted:DB_PASSWORD]",
    );
  });

  it("is the longer of two that begin alike", () => {
    expect(leftWith({ A_KEY: "abcd12345", B_KEY: "abcd1234567" }, "abcd1234567 abcd12345")).toBe(
      "[redacted:B_KEY] [redacted:A_KEY]",
    );
  });

  it.each([
    ["DATABASE_URL", "postgres://ann:p%40ss9word@db:5432/shop", ["p%40ss9word", "p@ss9word"]],
    ["AZURE_STORAGE", "AccountName=a;AccountKey=c2VjcmV0c2VjcmV0cw==;Suffix=x", ["c2VjcmV0c2VjcmV0cw=="]],
    ["HOOK_WEBHOOK_URL", "https://chat.example.org/hooks/a1b2c3", ["https://chat.example.org/hooks/a1b2c3"]],
    ["npm_config_//r.example.org/:_authToken", "0f8fad5b-d9cb", ["0f8fad5b-d9cb"]],
    ["MYSQL_PWD", "hunter2hunter", ["hunter2hunter"]],
    ["GITHUB_PAT", "correct-horse-battery", ["correct-horse-battery"]],
    ["SECRET_KEY_BASE", "/aB3dE6gH9jK2mN5pQ8", ["/aB3dE6gH9jK2mN5pQ8"]],
  ])("is taken from %s", (name, value, secrets) => {
    expect([...new Set(secretValuesOf({ [name]: value }).map((secret) => secret.value))]).toEqual(secrets);
  });

  it.each([
    ["TOKENIZERS_PARALLELISM", "false-or-true-9"],
    ["API_TOKEN", "true"],
    ["API_KEY", "1234567890"],
    ["API_KEY", "dummy-key"],
    ["DB_PASSWORD", "postgres"],
    ["DB_PASSWORD", "Passwort"],
    ["SECRET_FILE", "/run/secrets/db-password-1"],
    ["TOKEN", "/run/secrets/db-password-1"],
    ["SSH_AUTH_SOCK", "/tmp/ssh-XXXXabcd12/agent.1234"],
    ["PWD", "/home/ann/src/enchanted-swarm"],
    ["GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"],
    ["MAX_TOKENS", "1234567890123456"],
    ["AUTH_URL", "https://login.example.org/oauth2"],
    ["AUTH_KEY", "https://login.example.org/oauth2"],
    ["DATABASE_URL", "postgres://postgres:postgres@localhost/shop"],
    ["HOME", "/home/aB3dE6gH9jK2mN5pQ8"],
    ["GITHUB_SHA", "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"],
    ["A_SECRET", "xxxxxxxxxxxxxxxx"],
    ["A_SECRET", "${OTHER_SECRET_1}"],
    ["MONKEY", "k9-abcdef-zq-77"],
  ])("is none in %s=%s", (name, value) => expect(secretValuesOf({ [name]: value })).toEqual([]));

  it("costs a text no more than its length", () => {
    const value = `${"a".repeat(60)}bcd9`;
    const redactor = createRedactor([], secretValuesOf({ A_KEY: value }));
    for (const part of ["a", value, `${value.slice(0, 63)} `, "x1 "]) {
      const make = (bytes: number): (() => unknown) => {
        const frame = { event_type: "THOUGHT", payload: { text: part.repeat(Math.ceil(bytes / part.length)) } };
        return () => redactor.redact(frame);
      };
      expect(growthOf(maxFrameBytes / 2, make)).toBeLessThan(mostGrowth);
    }
  });
});

describe("known texts", () => {
  it("are replaced as one after the other would be found from the left", () => {
    const unit = fc.constantFrom("a", "b", "é", "\u{1F98A}");
    const known = fc.array(fc.string({ unit, minLength: 3, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(known, fc.string({ unit, maxLength: 40 }), (texts, text) => {
        const { replace } = createKnownTexts(new Map(texts.map((one) => [one, "."])), 3);
        const longestFirst = [...texts].toSorted((a, b) => b.length - a.length);
        expect(replace(text)).toBe(text.replace(new RegExp(longestFirst.join("|"), "g"), "."));
      }),
      { numRuns: 500 },
    );
  });
});
