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

  const drawn = "q7Rk2Lm9Xw4Zt8Vb";
  const pem = ["-----BEGIN ", "PRIVATE", " KEY-----\n"].join("");
  it.each([
    ["DB_CREDENTIALS", '{"user":"a","password":"s3cr3tpw9zz"}', "s3cr3tpw9zz"],
    ["SERVICES_JSON", '{"db":[{"clientSecret":"s3cr3tpw9zz"}]}', "s3cr3tpw9zz"],
    ["API_KEYS", '["k9abcdefgh","k8abcdefgh"]', "k8abcdefgh"],
    ["API_KEYS", `{"openai":"${drawn}"}`, drawn],
    ["GOOGLE_CREDENTIALS", JSON.stringify({ private_key: `${pem}${drawn}abcd\n` }), `${drawn}abcd`],
    ["MY_KEY", `${pem}${drawn}abcd\n${drawn}efgh\n`, `${drawn}efgh`],
    ["API_KEYS", "aa11bb22cc33,dd44ee55ff66", "dd44ee55ff66"],
    ["API_KEYS", `${drawn}aa ${drawn}bb`, `${drawn}bb`],
    ["API_KEYS", "openai=aa11bb22cc33, other:dd44ee55ff66", "dd44ee55ff66"],
    ["BASIC_AUTH", "ann:s3cr3tpw9", "s3cr3tpw9"],
    ["MY_AUTH", "Bearer aa11bb22cc33", "aa11bb22cc33"],
    ["OTEL_EXPORTER_OTLP_HEADERS", `a=b,authorization=Bearer%20${drawn}`, drawn],
    ["OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cr3t%2Fpw9", "s3cr3t/pw9"],
    ["OTEL_EXPORTER_OTLP_HEADERS", `x-honeycomb-team=${drawn}`, drawn],
    ["ANTHROPIC_CUSTOM_HEADERS", `X-Trace: no\nX-Api-Key: s3cr3tpw9zz`, "s3cr3tpw9zz"],
    ["GIT_CONFIG_VALUE_0", "Authorization: Basic YW5uOnMzY3IzdA==", "YW5uOnMzY3IzdA=="],
    ["SENTRY_DSN", `https://${drawn}ab@o1.example.org/2`, `${drawn}ab`],
    ["ORIGIN", `https://${drawn}@example.org/a.git`, drawn],
    ["ORIGIN", `https://${drawn}:x-oauth-basic@example.org/a.git`, drawn],
    ["DB", "host=db user=app password=Xk93jd82hQ dbname=x", "Xk93jd82hQ"],
    ["DB", "password='Xk93 jd82hQ' host=db", "Xk93 jd82hQ"],
    ["DB", "app:Xk93jd82hQ@tcp(db:3306)/x", "Xk93jd82hQ"],
    ["PROXY", "ann:Xk93jd82hQ@proxy.example.org:8080", "Xk93jd82hQ"],
    ["DB", "jdbc:postgresql://db/x?user=ann&password=Xk93jd82hQ&ssl=true", "Xk93jd82hQ"],
    ["CACHE", "cache:6379,password=Xk93jd82hQ,ssl=True", "Xk93jd82hQ"],
    ["JAVA_OPTS", "-Xmx1g -Djavax.net.ssl.keyStorePassword=Xk93jd82hQ -ea", "Xk93jd82hQ"],
    ["STORE", "BlobEndpoint=https://a.example.org;SharedAccessSignature=sv=1&sig=Xk93jd82hQ%3D", "Xk93jd82hQ="],
  ])("goes where it is a part of %s=%s", (name, value, secret) => {
    expect(leftWith({ [name]: value }, `it is ${secret}!`)).toBe(`it is [redacted:${name}]!`);
  });

  it.each([
    ["SERVICES_JSON", '{"key":"some.setting-1","token_uri":"https://example.org/token9","max_tokens":"4096-8192"}'],
    ["OTEL_EXPORTER_OTLP_HEADERS", "content-type=application/json,x-dataset=my-dataset-1"],
    ["ANTHROPIC_CUSTOM_HEADERS", "anthropic-beta: context-1m-2025-08-07\nX-Trace-Id: 3b18e512dba79e4c8300dd08aeb37f8e"],
    ["ORIGIN", "ssh://deploy-user-2024-a@example.org/a.git"],
    ["IMAGE", "node:22.1.0-alpine@sha256:3b18e512dba79e4c8300dd08aeb37f8e728b8dad3b18e512dba79e4c8300dd08"],
    ["DB", "host=db user=app password=postgres dbname=shop-2024"],
    ["SCRIPT", 'password="$(cat /run/secrets/db-1)" token=$1'],
    ["LS_COLORS", "*.tar=01;31:*.sig=00;90:*.pem=00;32"],
  ])("is in no part of %s=%s", (name, value) => expect(secretValuesOf({ [name]: value })).toEqual([]));

  it("is, beside the whole, no name, word or line of armour in it", () => {
    const values = (value: string): string[] => secretValuesOf({ MY_KEY: value }).map((secret) => secret.value);
    expect(values(`ssh-ed25519 ${drawn} ann2@workstation.example.org`).slice(1)).toEqual([drawn]);
    expect(values(`${pem}${drawn}\n${["-----END ", "PRIVATE", " KEY-----"].join("")}`).slice(1)).toEqual([drawn]);
    expect(values("the long-winded-password is https://example.org/a-1").slice(1)).toEqual([]);
  });

  it.each([
    "password=",
    "a:",
    "://a:",
    "://",
    "a:a@",
    '{"a":',
    "[",
    "a=b,",
    "sig='",
    ";pwd=",
    "a1,",
    "a1 ",
    "headers=",
    "authorization:",
  ])("takes no more than its length to be found in a variable made of %j", (part) => {
    const make = (chars: number): (() => unknown) => {
      const value = part.repeat(Math.ceil(chars / part.length));
      return () => secretValuesOf({ A_HEADERS: value, A_KEY: value });
    };
    expect(growthOf(16 * 1024, make)).toBeLessThan(mostGrowth);
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
    ["GIT_CONFIG_KEY_0", "credential.helper"],
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
