import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { maxFrameBytes, type ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { parseExactJson } from "./exact-json.ts";
import { maxPatternChars } from "./redact-own-rules.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { createRedactor } from "./redact.ts";

const { redact } = createRedactor([]);
const thought = (text: string): ProducedFrame => ({ event_type: "THOUGHT", payload: { text } });
const textOf = (frame: ProducedFrame): unknown => frame.payload["text"];

const from = (alphabet: string, min: number, max = min): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split("")), minLength: min, maxLength: max });
const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const lower = upper.toLowerCase();
const digits = "0123456789";
const word = upper + lower + digits;
const web = `${word}-_`;
const joined = (...parts: ReadonlyArray<string | fc.Arbitrary<string>>): fc.Arbitrary<string> =>
  fc.tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part))).map((all) => all.join(""));
const armour = (kind: string, headers: string, newline: string): fc.Arbitrary<string> =>
  joined(
    ["-----BEGIN ", kind, "PRIVATE", " KEY-----", newline, headers].join(""),
    fc.array(from(`${word}+/`, 64), { minLength: 2, maxLength: 9 }).map((lines) => lines.join(newline)),
    [newline, "-----END ", kind, "PRIVATE", " KEY-----"].join(""),
  );

// Made of pieces, so that nobody takes these for secrets that leaked. What stands around each may be anything at all.
const free: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "private-key": armour("RSA ", "", "\n"),
  "private-key, encrypted": armour("RSA ", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0A1B2C\n\n", "\n"),
  "private-key, in JSON in JSON": armour("", "", String.raw`\n`),
  "private-key, added by a patch": armour("OPENSSH ", "", "\n+"),
  "aws-key": joined("AK", "IA", from(upper + digits, 16)),
  "github-token": joined("gh", fc.constantFrom("p", "o", "u", "s", "r"), "_", from(word, 36)),
  "github-token, fine-grained": joined("github", "_pat_", from(`${word}_`, 82)),
  "gitlab-token": joined("glpat", "-", from(web, 20)),
  "slack-token": joined("xo", fc.constantFrom("xb", "xp"), "-", from(digits, 12), "-", from(word, 24)),
  "api-key": joined("sk", "-", from(word, 48)),
  "api-key, of a project": joined("sk", "-proj-", from(web, 60)),
  "api-key, of another provider": joined("sk", "-ant-", "api03-", from(web, 93)),
  "payment-key": joined("sk", "_live_", from(word, 24)),
  "google-key": joined("AI", "za", from(web, 35)),
  "npm-token": joined("npm", "_", from(word, 36)),
  "registry-token": joined("dckr", "_pat_", from(web, 27)),
  "cloud-token": joined("hvs", ".", from(web, 90)),
  jwt: joined("ey", "J", from(web, 20), ".", "ey", "J", from(web, 30, 300), ".", from(web, 43)),
};

// These are told by what stands before them, so only what stands behind them must end them.
const told: Readonly<Record<string, [before: string, secret: fc.Arbitrary<string>, after: string]>> = {
  bearer: ["authorization: Bearer ", from(`${word}._~+/-`, 20, 60), "\n"],
  authorization: ['"Authorization": "Basic ', from(`${word}+/`, 12, 60), '"'],
  "url-password": [
    "git clone https://ann:",
    from(`${word}!$&%*+,;=`, 3, 40).filter((s) => !/^(?:\$|%\w+%$|\*+$)/.test(s)), // placeholders are no passwords
    "@example.org/r.git",
  ],
  "url-password, without a user": ["redis://:", from(word, 3, 40), "@cache:6379/0"],
  "assignment, JSON": [
    '{"password": "',
    from(`${word}!#%&()*+,-./:;=?@[]^_{|}~`, 8, 60).filter((s) => !s.startsWith("{{")),
    '"}',
  ],
  "assignment, JSON in JSON": [String.raw`{\"client_secret\":\"`, from(`${word}+/=`, 8, 60), String.raw`\"}`],
  "assignment, code": ["const apiKey = '", from(word, 8, 60), "';"],
  "assignment, environment": [
    "export DB_PASSWORD=",
    from(`${word}!#%*+,-./:?@^_~`, 10, 60).filter((s) => /^[a-z]/i.test(s) && !s.includes(".")),
    "\n",
  ],
  "assignment, environment, quoted": ['SECRET_KEY="', from(`${word} !#`, 10, 60).filter((s) => /^[a-z]/i.test(s)), '"'],
  "assignment, query": ["GET /?access_token=", joined(from(lower, 4), from(digits, 2), from(word, 8, 40)), "&page=2"],
  "assignment, YAML": ["password: ", joined(from(lower, 4), from(digits, 2), from(word, 4, 40)), "\n"],
};

const shows = (frame: ProducedFrame, secret: string): boolean =>
  JSON.stringify(frame).includes(JSON.stringify(secret).slice(1, -1));

describe("a secret", () => {
  it.each(Object.entries(free))("of kind %s does not stay, whatever surrounds it, joint or not", (kind, secrets) => {
    const [name] = kind.split(",");
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), from(web, 0, 5), (secret, before, after, glue) => {
        const { frame, withheld } = redact(thought(`${before}${glue}${secret}${glue}${after}`));
        expect(withheld).toBe(true);
        expect(shows(frame, secret)).toBe(false);
        expect(redact(thought(secret)).frame.payload["text"]).toBe(`[redacted:${name}]`);
      }),
      { numRuns: 60 },
    );
  });

  it.each(Object.entries(told))("of kind %s does not stay, whatever surrounds it", (kind, [before, secrets, after]) => {
    const [name] = kind.split(",");
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), (secret, far, farther) => {
        const { frame } = redact(thought(`${far} ${before}${secret}${after}${farther}`));
        expect(shows(frame, before + secret)).toBe(false);
        const alone = textOf(redact(thought(`${before}${secret}${after}`)).frame) as string;
        expect(alone.replaceAll(/=["']/g, "=")).toBe(`${before}[redacted:${name}]${after}`.replaceAll(/=["']/g, "="));
      }),
      { numRuns: 60 },
    );
  });

  it.each(["r8_", "hf_", "sk-", "AIza", "oy2"])("is taken whole where %s stands in it by chance", (chance) => {
    const secret = `${["hvs", ".", "A".repeat(7)].join("")}${chance}${"a1".repeat(40)}`;
    expect(textOf(redact(thought(secret)).frame)).toBe("[redacted:cloud-token]");
  });

  it("that was cut off is a secret still", () => {
    const [key] = fc.sample(armour("EC ", "", "\n"), 1) as [string];
    const { frame } = redact(thought(`the file begins\n${key.slice(0, 120)}`));
    expect(textOf(frame)).toBe("the file begins\n[redacted:private-key]");
  });

  it("behind the mere mention of its beginning is found", () => {
    const [key] = fc.sample(armour("", "", "\n"), 1) as [string];
    const mention = ["if (pem.startsWith('-----BEGIN ", "PRIVATE KEY-----')) read(it); ".padEnd(300, ".")].join("");
    expect(textOf(redact(thought(mention + key)).frame)).toBe(`${mention}[redacted:private-key]`);
  });

  it("is found in names, lists and depths, and no member is lost", () => {
    const [one, two] = fc.sample(free["github-token"] as fc.Arbitrary<string>, 2) as [string, string];
    const payload = { [one]: 1, [two]: 2, list: [{ deep: [one] }], kept: { n: 1 } };
    const { frame } = redact({ event_type: "ACTION", payload });
    expect(frame.payload).toEqual({
      "[redacted:github-token]": 1,
      "[redacted:github-token]'": 2,
      list: [{ deep: ["[redacted:github-token]"] }],
      kept: { n: 1 },
    });
    expect(frame.payload["kept"]).toBe(payload.kept);
  });

  it("in a patch withholds the change, and leaves the hashes", () => {
    const [key] = fc.sample(free["aws-key"] as fc.Arbitrary<string>, 1) as [string];
    const payload = {
      file_modified: ".env",
      patch: `+KEY=${key}`,
      old_state_hash: "a",
      new_state_hash: "b",
      withheld: false,
    };
    const { frame } = redact({ event_type: "STATE_CHANGE", payload });
    expect(frame.payload).toEqual({ ...payload, withheld: true, patch: "+KEY=[redacted:aws-key]" });
  });
});

describe("a frame without secrets", () => {
  const innocent = [
    "const token = getToken(request.headers);",
    "secret: process.env.S3_SECRET,",
    "password: string; token?: Uint8Array = new Uint8Array(32);",
    'PASSWORD="${DB_PASSWORD}" TOKEN=$GITHUB_TOKEN MAX_TOKENS=4096',
    "input_tokens: 123456789, token: 1234567890",
    "see https://example.org:8080/a@b?x=1:2#c@d and git@example.org:a/b.git",
    "task-management-system risk-assessment disk-usage-of-everything",
    'pem.includes("-----BEGIN PRIVATE KEY-----")',
    "the bearer of this ring; Bearer tokens",
    "v1.2.3-rc.1 eyJust.a.word 1.0.0",
    "https://user:<password>@host/ https://u:${PASS}@host/",
  ];

  it.each(innocent)("such as %j is the same object", (text) => {
    const frame = thought(text);
    expect(redact(frame)).toEqual({ frame, withheld: false });
    expect(redact(frame).frame).toBe(frame);
  });

  it("is the same object, whatever words it is made of", () => {
    const words = fc.constantFrom(
      "the",
      "quick",
      "token",
      "secret",
      "=",
      ":",
      "12.50",
      "naïve",
      "\n",
      "🦊",
      "sk-",
      "://",
      '"',
    );
    fc.assert(
      fc.property(fc.array(words), fc.jsonValue(), (text, value) => {
        const frame = { event_type: "ACTION", payload: { text: text.join(" "), result: value } };
        expect(redact(frame).frame).toBe(frame);
      }),
    );
  });

  it("keeps numbers as they are spelled, beside a secret too", () => {
    const [key] = fc.sample(free["aws-key"] as fc.Arbitrary<string>, 1) as [string];
    const payload = parseExactJson(`{"cost":1.0,"big":12345678901234567890,"key":"${key}"}`);
    const { frame } = redact({ event_type: "ACTION", payload: payload as Record<string, unknown> });
    expect(JSON.stringify(frame.payload)).toBe('{"cost":1.0,"big":12345678901234567890,"key":"[redacted:aws-key]"}');
  });
});

describe("redaction", () => {
  it("comes to the same the second time, and says that something is withheld again", () => {
    const secrets = fc.oneof(
      ...Object.values(free),
      ...Object.values(told).map(([before, secret, after]) => joined(before, secret, after)),
    );
    const own = createRedactor([{ name: "own", pattern: "redacted|[0-9]{4}" }]);
    fc.assert(
      fc.property(fc.string(), secrets, fc.string(), (before, secret, after) => {
        const once = own.redact(thought(`${before} ${secret} 1234 ${after}`));
        expect(own.redact(once.frame)).toEqual(once);
        expect(own.redact(once.frame).frame).toBe(once.frame);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    "password=",
    "password=1a",
    "PASSWORD=",
    'token: "',
    "://a:",
    "://",
    "bearer ",
    "eyJaaaaaaaa.",
    "-eyJ",
    "eyJ.",
    "a.",

    "sk-",
    "sk-ant-",
    "npm_",
    "xoxb-",
    "ya29.",
    "SG.aaaaaaaaaaaaaaaaaaaaa",
    "ops_eyJ",
    "pscale_pw_",
    "aB38Q~",
    "aaaaaaaaaaaaaa.atlasv1.",
    "AKCpA3-",
    "fm2_",
    "-----BEGIN PRIVATE KEY-----",
    " ",
    "[redacted:",
    `-----BEGIN PRIVATE KEY-----${"A".repeat(30)}`,
  ])("takes no more than its length on a text made of %j", (part) => {
    const make = (bytes: number): (() => unknown) => {
      const frame = thought(part.repeat(Math.ceil(bytes / part.length)));
      return () => redact(frame);
    };
    expect(growthOf(maxFrameBytes / 4, make)).toBeLessThan(mostGrowth);
  });
});

describe("names of which the same is left", () => {
  const secretNames = (count: number): Record<string, number> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`://:${at.toString(36).padStart(3, "0")}@`, at]));

  it("stay apart, from each other and from those that were there", () => {
    const left = "://:[redacted:url-password]@";
    const payload = { ...secretNames(3), [`${left}'`]: "mine" };
    expect(redact({ event_type: "ACTION", payload }).frame.payload).toEqual({
      [left]: 0,
      [`${left}'`]: "mine",
      [`${left}'2`]: 1,
      [`${left}'3`]: 2,
    });
  });

  it("take no more than their number", () => {
    const make = (count: number): (() => unknown) => {
      const payload = secretNames(count);
      return () => redact({ event_type: "ACTION", payload });
    };
    expect(growthOf(5_000, make)).toBeLessThan(mostGrowth);
    const payload = secretNames(20_000);
    const { frame } = redact({ event_type: "ACTION", payload });
    expect(Object.values(frame.payload)).toEqual(Object.values(payload));
    expect(JSON.stringify(frame).length).toBeLessThan(4 * maxFrameBytes);
  });
});

describe("the rules of people", () => {
  it("are followed, groups first", () => {
    const own = createRedactor([
      { name: "ticket", pattern: "ACME-[0-9]+" },
      { name: "customer", pattern: "customer=([a-z]+)" },
    ]);
    expect(textOf(own.redact(thought("ACME-12 for customer=ann, ACME-3")).frame)).toBe(
      "[redacted:ticket] for customer=[redacted:customer], [redacted:ticket]",
    );
  });

  it("find every one of any number of hits", () => {
    const own = createRedactor([{ name: "id", pattern: "id-[0-9]{3}" }]);
    const hit = fc.integer({ min: 100, max: 999 }).map((n) => `id-${n}`);
    const part = fc.oneof(hit, fc.constantFrom("a", "\n", " ", "id-", "some words\n"));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 200 }), (parts) => {
        expect(textOf(own.redact(thought(parts.join(""))).frame)).not.toMatch(/id-\d{3}/);
      }),
    );
    const long = `${"x".repeat(1000)} id-123\n`.repeat(200);
    const left = textOf(own.redact(thought(long)).frame) as string;
    expect(left).not.toContain("id-123");
    expect(left.match(/\[redacted:id\]/g)).toHaveLength(200);
  });

  it("withhold more rather than take quadratic time", () => {
    const own = createRedactor([{ name: "slow", pattern: "a(.*b)?" }]);
    const make = (bytes: number): (() => unknown) => {
      const frame = thought("a".repeat(bytes));
      return () => own.redact(frame);
    };
    expect(growthOf(maxFrameBytes / 16, make)).toBeLessThan(mostGrowth);
    const { frame } = own.redact(thought("a".repeat(maxFrameBytes)));
    expect(textOf(frame)).toMatch(/^(\[redacted:slow\])+$/);
  });

  it.each([
    ["is no RE2", [{ name: "a", pattern: "(?=x)" }], /"a" is not RE2/],
    ["is too long", [{ name: "a", pattern: "x".repeat(maxPatternChars + 1) }], /at most 256/],
    ["matches nothing", [{ name: "a", pattern: "x*" }], /matches the empty text/],
    ["is one of too many", Array.from({ length: 21 }, () => ({ name: "a", pattern: "x" })), /at most 20/],
  ])("are refused where one %s", (_, rules, why) => {
    expect(() => createRedactor(rules)).toThrow(why);
  });
});
