/** How a kind of token is written: what it begins with, and what follows; both are parts of a pattern. */
type Form = readonly [kind: string, begins: string, rest: string];

/*
 * How the tokens of services begin, and how long they are, as the default rules of gitleaks (MIT) know it. Left out of those
 * are: what is told only by the name of a service beside it, which the assignments among our rules find, and what a hash or
 * a text in base64 may hold by chance (ClickHouse, Square's EAAA, Twilio).
 */
const forms: readonly Form[] = [
  ["cloud-token", "HRKU-", "AA[\\w-]{58}"], // Heroku
  ["cloud-token", "LTAI", "[A-Za-z0-9]{20}"], // Alibaba Cloud
  ["cloud-token", "SG\\.", "[\\w-]{20,}\\.[\\w-]{20,}"], // SendGrid
  ["cloud-token", "[\\w.~]{3}\\dQ~", "[\\w.~-]{31,34}"], // Microsoft Entra
  ["cloud-token", "[A-Za-z0-9]{14}\\.atlasv1\\.", "[\\w=-]{60,70}"], // Terraform
  ["cloud-token", "dapi", "[a-f0-9]{32}"], // Databricks
  ["cloud-token", "do[opr]_v1_", "[a-f0-9]{64}"], // DigitalOcean
  ["cloud-token", "dp\\.(?:pt|st|sa|ct|scim|audit)\\.", "[\\w.-]{40,}"], // Doppler
  ["cloud-token", "fm(?:1[ar]|2)_", "[A-Za-z0-9+/]{100,}"], // Fly.io
  ["cloud-token", "fo1_", "[\\w-]{43}"],
  ["cloud-token", "hv[sb]\\.", "[\\w-]{24,}"], // Vault
  ["cloud-token", "pscale_(?:tkn|oauth|pw)_", "[\\w=.-]{32,}"], // PlanetScale
  ["cloud-token", "pul-", "[a-f0-9]{40}"], // Pulumi
  ["cloud-token", "sha256~", "[\\w-]{43}"], // OpenShift
  ["cloud-token", "tk-us-", "[\\w-]{48}"], // Scalingo
  ["cloud-token", "v1\\.0-", "[a-f0-9]{24}-[a-f0-9]{146}"], // Cloudflare Origin CA

  ["registry-token", "AKCp", "[A-Za-z0-9]{69}"], // Artifactory
  ["registry-token", "CLOJARS_", "[a-z0-9]{60}"],
  ["registry-token", "cmVmd", "[A-Za-z0-9]{59}"], // Artifactory
  ["registry-token", "dckr_pat_", "[\\w-]{20,}"],
  ["registry-token", "pypi-", "AgE[\\w-]{40,}"],
  ["registry-token", "rubygems_", "[a-f0-9]{48}"],

  ["payment-key", "EZ[AT]K", "[A-Za-z0-9]{54}"], // EasyPost
  ["payment-key", "FLWSECK(?:_TEST)?-", "[A-Za-z0-9]{12,}"], // Flutterwave
  ["payment-key", "[rs]k_(?:live|test|prod)_", "[A-Za-z0-9]{16,}"], // Stripe
  ["payment-key", "duffel_(?:test|live)_", "[\\w=-]{43}"],
  ["payment-key", "shippo_(?:live|test)_", "[A-Fa-f0-9]{40}"],
  ["payment-key", "shp(?:at|ca|pa|ss)_", "[A-Fa-f0-9]{32}"], // Shopify
  ["payment-key", "sq0(?:atp|csp)-", "[\\w-]{22,}"], // Square

  ["service-token", "A3-", "[A-Z0-9]{6}-[A-Z0-9]{6}-?[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3}"], // 1Password
  ["service-token", "API-", "[A-Z0-9]{26}"], // Octopus Deploy
  ["service-token", "ATATT3", "[\\w=-]{186}"], // Atlassian
  ["service-token", "EAA[MC]", "[A-Za-z0-9]{100,}"], // Facebook pages
  ["service-token", "GR1348941", "[\\w-]{20,}"], // GitLab runners
  ["service-token", "NRAK-", "[A-Z0-9]{27}"], // New Relic
  ["service-token", "NRII-", "[\\w-]{32}"],
  ["service-token", "PMAK-", "[a-f0-9]{24}-[a-f0-9]{34}"], // Postman
  ["service-token", "[ps]at\\.", "[\\w-]{22}\\.[A-Za-z0-9]{24}\\.[A-Za-z0-9]{20}"], // Harness
  ["service-token", "dnkey-", "[\\w=-]{26}-[\\w=-]{52}"], // Defined Networking
  ["service-token", "dt0c01\\.", "[A-Z0-9]{24}\\.[A-Z0-9]{64}"], // Dynatrace
  ["service-token", "fio-u-", "[\\w=-]{64}"], // Frame.io
  ["service-token", "glc_", "[A-Za-z0-9+/]{32,}"], // Grafana
  ["service-token", "glsa_", "[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"],
  ["service-token", "ico-", "[A-Za-z0-9]{32}"], // Infracost
  ["service-token", "lin_api_", "[A-Za-z0-9]{40}"], // Linear
  ["service-token", "ntn_", "[0-9]{11}[A-Za-z0-9]{35}"], // Notion
  ["service-token", "ops_", "eyJ[A-Za-z0-9+/]{250,}"], // 1Password
  ["service-token", "p8e-", "[A-Za-z0-9]{32}"], // Adobe
  ["service-token", "pnu_", "[A-Za-z0-9]{36}"], // Prefect
  ["service-token", "rdme_", "[a-z0-9]{70}"], // ReadMe
  ["service-token", "sgp_", "(?:(?:[a-f0-9]{16}|local)_)?[a-f0-9]{40}"], // Sourcegraph
  ["service-token", "sm_[aps]at_", "[A-Za-z0-9]{16}"], // SettleMint
  ["service-token", "sntrys_", "eyJ[A-Za-z0-9+/=_]{60,}"], // Sentry
  ["service-token", "sntryu_", "[a-f0-9]{64}"],
  ["service-token", "tfp_", "[\\w.=-]{59}"], // Typeform
  ["service-token", "xkeysib-", "[a-f0-9]{64}-[A-Za-z0-9]{16}"], // Brevo
];

const beginnings = forms.map(([, begins]) => begins);
const endsInSign = (begins: string): boolean => /[_.~-]$/.test(begins);
// Nearly all beginnings end in a sign that texts hold seldom: to look behind each of those costs a tenth of trying all
// beginnings at each character.
const signed = `[_.~-](?<=${beginnings.filter(endsInSign).join("|")})`;

/** Whether a text holds something that a token of a service begins with. */
export const serviceHint = new RegExp([signed, ...beginnings.filter((begins) => !endsInSign(begins))].join("|"));

/** A pattern for each kind of token. */
export const servicePatterns: ReadonlyArray<readonly [kind: string, pattern: RegExp]> = [
  ...new Set(forms.map(([kind]) => kind)),
].map((kind) => {
  const own = forms.filter((form) => form[0] === kind).map(([, begins, rest]) => begins + rest);
  return [kind, new RegExp(own.join("|"), "g")];
});
