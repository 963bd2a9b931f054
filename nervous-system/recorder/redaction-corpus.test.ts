import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createRedactor } from "./redact.ts";

const { redact } = createRedactor([]);
const left = (text: string): unknown => redact({ event_type: "THOUGHT", payload: { text } }).frame.payload["text"];

const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const hex = "0123456789abcdef";
const word = `${upper}${upper.toLowerCase()}`;
const of = (alphabet: string, length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split("")), minLength: length, maxLength: length });

type Part = string | fc.Arbitrary<string>;
const joined = (...parts: readonly Part[]): fc.Arbitrary<string> =>
  fc.tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part))).map((all) => all.join(""));

// No token stands here: beginnings are cut in two, and the rest is drawn, so that nobody takes these for leaks.
const corpus: ReadonlyArray<readonly [kind: string, service: string, token: fc.Arbitrary<string>]> = [
  ["api-key", "Hugging Face organizations", joined("api", "_org_", of(word, 34))],
  ["aws-key", "AWS, temporary", joined("AS", "IA", of(upper, 16))],
  ["aws-key", "AWS, bearer", joined("AB", "IA", of(upper, 16))],
  ["cloud-token", "Alibaba Cloud", joined("LT", "AI", of(word, 20))],
  ["cloud-token", "Cloudflare Origin CA", joined("v1", ".0-", of(hex, 24), "-", of(hex, 146))],
  ["cloud-token", "Databricks", joined("da", "pi", of(hex, 32))],
  ["cloud-token", "DigitalOcean", joined("do", "o_v1_", of(hex, 64))],
  ["cloud-token", "DigitalOcean, personal", joined("do", "p_v1_", of(hex, 64))],
  ["cloud-token", "DigitalOcean, refresh", joined("do", "r_v1_", of(hex, 64))],
  ["cloud-token", "Doppler", joined("dp", ".pt.", of(word, 43))],
  ["cloud-token", "Fly.io", joined("fo", "1_", of(word, 43))],
  ["cloud-token", "Fly.io, macaroon", joined("fm", "2_", of(word, 160))],
  ["cloud-token", "Heroku", joined("HR", "KU-AA", of(word, 58))],
  ["cloud-token", "Microsoft Entra", joined("aB3", "8", "Q", "~", of(word, 34))],
  ["cloud-token", "OpenShift", joined("sha", "256~", of(word, 43))],
  ["cloud-token", "PlanetScale", joined("ps", "cale_tkn_", of(word, 43))],
  ["cloud-token", "PlanetScale, password", joined("ps", "cale_pw_", of(word, 43))],
  ["cloud-token", "Pulumi", joined("pu", "l-", of(hex, 40))],
  ["cloud-token", "Scalingo", joined("tk", "-us-", of(word, 48))],
  ["cloud-token", "SendGrid", joined("S", "G.", of(word, 22), ".", of(word, 43))],
  ["cloud-token", "Terraform", joined(of(word, 14), ".atlas", "v1.", of(word, 67))],
  ["cloud-token", "Vault, batch", joined("hv", "b.", of(word, 150))],
  ["gitlab-token", "GitLab feature flags", joined("gl", "ffct-", of(word, 20))],
  ["payment-key", "Duffel", joined("duf", "fel_live_", of(word, 43))],
  ["payment-key", "EasyPost", joined("EZ", "AK", of(word, 54))],
  ["payment-key", "Flutterwave", joined("FLW", "SECK_TEST-", of(hex, 32))],
  ["payment-key", "Shippo", joined("ship", "po_live_", of(hex, 40))],
  ["payment-key", "Shopify", joined("sh", "pat_", of(hex, 32))],
  ["payment-key", "Shopify, shared", joined("sh", "pss_", of(hex, 32))],
  ["payment-key", "Square", joined("sq", "0atp-", of(word, 22))],
  ["payment-key", "Stripe, restricted", joined("rk", "_prod_", of(word, 24))],
  ["registry-token", "Artifactory", joined("AK", "Cp", of(word, 69))],
  ["registry-token", "Artifactory, reference", joined("cm", "Vmd", of(word, 59))],
  ["registry-token", "Clojars", joined("CLO", "JARS_", of(upper.toLowerCase(), 60))],
  ["registry-token", "RubyGems", joined("ruby", "gems_", of(hex, 48))],
  ["service-token", "1Password", joined("A", "3-", of(upper, 6), "-", of(upper, 11), ...five(3))],
  ["service-token", "1Password, cut in six", joined("A", "3-", of(upper, 6), "-", of(upper, 6), ...five(4))],
  ["service-token", "Adobe", joined("p8", "e-", of(word, 32))],
  ["service-token", "Atlassian", joined("AT", "ATT3", of(word, 186))],
  ["service-token", "Brevo", joined("xkey", "sib-", of(hex, 64), "-", of(word, 16))],
  ["service-token", "Defined Networking", joined("dn", "key-", of(word, 26), "-", of(word, 52))],
  ["service-token", "Dynatrace", joined("dt0", "c01.", of(upper, 24), ".", of(upper, 64))],
  ["service-token", "Facebook pages", joined("EA", "AM", of(word, 120))],
  ["service-token", "Frame.io", joined("fio", "-u-", of(word, 64))],
  ["service-token", "GitLab runners", joined("GR", "1348941", of(word, 20))],
  ["service-token", "Grafana Cloud", joined("gl", "c_", of(word, 80))],
  ["service-token", "Grafana", joined("gl", "sa_", of(word, 32), "_", of(hex, 8))],
  ["service-token", "Harness", joined("pa", "t.", of(word, 22), ".", of(word, 24), ".", of(word, 20))],
  ["service-token", "Infracost", joined("ic", "o-", of(word, 32))],
  ["service-token", "Linear", joined("lin", "_api_", of(word, 40))],
  ["service-token", "New Relic", joined("NR", "AK-", of(upper, 27))],
  ["service-token", "New Relic, insert", joined("NR", "II-", of(word, 32))],
  ["service-token", "Notion", joined("nt", "n_", of("0123456789", 11), of(word, 35))],
  ["service-token", "Octopus Deploy", joined("AP", "I-", of(upper, 26))],
  ["service-token", "Postman", joined("PM", "AK-", of(hex, 24), "-", of(hex, 34))],
  ["service-token", "Prefect", joined("pn", "u_", of(word, 36))],
  ["service-token", "ReadMe", joined("rd", "me_", of(upper.toLowerCase(), 70))],
  ["service-token", "Sentry", joined("sn", "tryu_", of(hex, 64))],
  ["service-token", "SettleMint", joined("sm", "_pat_", of(word, 16))],
  ["service-token", "Sourcegraph", joined("sg", "p_", of(hex, 16), "_", of(hex, 40))],
  ["service-token", "Typeform", joined("tf", "p_", of(word, 59))],
];

/** `count` groups of five behind dashes. */
function five(count: number): Part[] {
  return Array.from({ length: count }, () => ["-", of(upper, 5)]).flat();
}

describe("the tokens of services", () => {
  it.each(corpus)("a %s of %s does not stay, alone, in quotes and in a command", (kind, _service, tokens) => {
    fc.assert(
      fc.property(tokens, (token) => {
        const marker = `[redacted:${kind}]`;
        expect(left(token)).toBe(marker);
        expect(left(`{"value":"${token}"}`)).toBe(`{"value":"${marker}"}`);
        expect(left(`use it\n${token}\nas it is`)).toBe(`use it\n${marker}\nas it is`);
        // Glued to a word it may be taken for a longer one of another kind, but it does not stay.
        expect(left(`nx${token} --verbose`)).not.toContain(token);
      }),
      { numRuns: 20 },
    );
  });

  it.each(corpus)("a %s of %s is none when most of it is missing", (_kind, _service, tokens) => {
    fc.assert(
      fc.property(tokens, (token) => {
        const beginning = token.slice(0, 13);
        expect(left(`see ${beginning} and go on`)).toBe(`see ${beginning} and go on`);
      }),
      { numRuns: 20 },
    );
  });

  it("webhooks keep their host", () => {
    const id = "0a1b2c3d-1111-2222-3333-444455556666";
    const path = `${id}@${id}/IncomingWebhook/${"ab01".repeat(8)}/${id}`;
    expect(left(`https://acme.webhook.office.com/webhookb2/${path}`)).toBe(
      "https://acme.webhook.office.com/webhookb2/[redacted:teams-webhook]",
    );
    expect(left(`https://hooks.slack.com/workflows/${"T0A1".repeat(11)}`)).toBe(
      "https://hooks.slack.com/workflows/[redacted:slack-webhook]",
    );
  });
});

describe("what looks a little like a token", () => {
  it.each([
    "rubygems_version rubygems_platform shippo_live_rates duffel_test_suite shpat_ sm_pattern sm_pat_terns",
    "tk-us-east-1.example ico-sizes-512x512 pul-request dapi-client lin_api_client_builder p8e-commerce",
    "API-DOCUMENTATION-2024 GET /API-V2 EZAKI-RESTAURANT CLOJARS_USERNAME=${CLOJARS_USERNAME} ATATT3",
    "v1.0-rc.1 v1.0-0badc0de sha256~ sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "the pat.on.the.back and sat.down dp.pt. glc_ glsa_ ntn_1 pnu_x fo1_ fm2_ tfp_ sgp_local_ rdme_",
    "import { sgp_parse, tfp_open } from './fio-u-turn.js'; const lin_api_version = 3;",
    "integrity sha512-K5H5OZeYXgLIDPjVaDFHFh6yT3yDMQmQWPvDVHWUJtxVGDKCnYxbB0Pwr8fZrWAg1MDuQ0ABnTk2b3GFAoSHXg==",
    "index 3b18e512dba79e4c8300dd08aeb37f8e728b8dad..4b1d2f9c1c5ddff2b8a4ea3b7a2b1d0c9e8f7a6b 100644",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "pod/checkout-5d9c7b8f6d-x2v7q node-7f9c6d5b4-abcde 01939b7e-8a3c-7d21-9f00-3c5ad1e0b7aa",
    "0123456789abcdef".repeat(8),
  ])("such as %j stays", (text) => expect(left(text)).toBe(text));

  it("such as hashes and UUIDs in any number stays", () => {
    const text = Array.from({ length: 5_000 }, (_, at) => createHash("sha256").update(`${at}`).digest("hex")).join(
      "\n",
    );
    expect(left(text)).toBe(text);
  });

  it("such as source code and lockfiles of ours stays", async () => {
    const { readFile } = await import("node:fs/promises");
    const lock = await readFile("package-lock.json", "utf8");
    expect(left(lock)).toBe(lock);
  });
});
