import { fileRules, secretVariable } from "./redaction-files.ts";
import { isCall, isInnocentValue, isPlaceholder, looksLikeCode } from "./redaction-innocent.ts";
import { serviceHint, servicePatterns } from "./redaction-services.ts";
import { toolHint, toolRules } from "./redaction-tools.ts";

/** One rule of redaction: what it finds is replaced by `[redacted:<name>]`. */
export type RedactionRule = {
  readonly name: string;
  /** RE2; where it has a group, only the group is replaced. */
  readonly pattern: string;
};

/** A built-in rule. */
export type BuiltInRule = {
  readonly name: string;
  /** Global. Its first group, if it has any, stands before the secret and stays; the match ends with the secret. */
  readonly pattern: RegExp;
  /** Where the pattern would look long at texts that hold nothing: what each that holds something has in it. */
  readonly hint?: string | RegExp;
  /** Whether what was found is no secret after all. */
  readonly isInnocent?: (secret: string, around: Surroundings) => boolean;
};

/** What stands around a find. */
type Surroundings = {
  /** The part of the match before the secret. */
  readonly before: string;
  /** The character behind it. */
  readonly next: string;
  /** Some 200 characters before the match. */
  ahead(): string;
};

// No pattern is anchored to what stands before it: in an escaped text the `n` of `\n` stands before a token.
// Each is linear: an attempt that fails has looked at a bounded number of characters, or at a run that no later attempt
// looks at again, and one that succeeds is not looked at again either.

// Three parts of base64url, the first of which begins a JSON object; whatever is glued to it goes with it.
const jwt: BuiltInRule = {
  name: "jwt",
  hint: "eyJ",
  pattern: /[\w.-]+/g,
  isInnocent: (run) => {
    const parts = run.split(".");
    return !parts.some((part, at) => {
      const begins = part.indexOf("eyJ");
      return begins >= 0 && part.length - begins > 10 && (parts[at + 1] ?? "").length >= 8 && at + 2 < parts.length;
    });
  },
};

const keys =
  "(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|shared[_-]?key|credentials?)";
// The quotes of a JSON text inside a JSON text are escaped.
const quotes = `\\\\{0,3}["'\`]`;
const sign = "[ \\t]{0,64}(?::=|=>|[:=])[ \\t]{0,64}";

const assignments: readonly BuiltInRule[] = [
  {
    name: "assignment",
    pattern: new RegExp(`(${keys}(?:${quotes})?${sign}${quotes})[^\\s"'\`\\\\]{8,}`, "gi"),
    isInnocent: isPlaceholder,
  },
  {
    name: "assignment", // as in a file of environment variables, where the whole value is the secret
    pattern: new RegExp(`(${secretVariable}=)(?:"[^"\\n\\\\]{4,}|'[^'\\n\\\\]{4,}|[^\\s"'\`\\\\;&|<>()]{4,})`, "g"),
    isInnocent: (secret, { next }) =>
      isPlaceholder(secret.replace(/^["']/, "")) || /^\d{1,9}$/.test(secret) || looksLikeCode(secret) || isCall(next),
  },
  {
    name: "assignment",
    pattern: new RegExp(`(${keys}(?:${quotes})?${sign})[A-Za-z0-9+/_~.@#%^*!=-]{8,}`, "gi"),
    isInnocent: (secret, { next }) => isInnocentValue(secret, next),
  },
];

// A short beginning may stand by chance inside a long secret of another kind, so the kinds with long ones come first.
const shortPrefixes: readonly BuiltInRule[] = [
  { name: "aws-key", pattern: /(?:A[KS]IA|ABIA|ACCA)[A-Z0-9]{16}/g },
  { name: "google-key", pattern: /AIza[\w-]{35}/g },
  { name: "api-key", pattern: /(?:sk-[A-Za-z0-9]{20,}|(?:gsk_|xai-|pplx-|hf_|api_org_|r8_)[A-Za-z0-9]{30,})/g },
  { name: "registry-token", pattern: /oy2[a-z0-9]{43}/g },
];

/** What has a form that only such a secret has, whatever stands around it. */
export const formRules: readonly BuiltInRule[] = [
  { name: "github-token", pattern: /(?:github_pat_\w{20,}|gh[pousr]_[A-Za-z0-9]{20,})/g },
  { name: "gitlab-token", pattern: /gl(?:pat|dt|rt|rtr|ptt|ft|ffct|imt|agent|soat|oas|cbt)-[\w-]{16,}/g },
  ...servicePatterns.map(([name, pattern]) => ({ name, pattern, hint: serviceHint })),
  { name: "api-key", pattern: /sk-(?:ant|proj|or|svcacct|admin|None)-[\w-]{16,}/g },
  { name: "slack-token", pattern: /(?:xox[abeoprs]|xapp)-[A-Za-z0-9.-]{10,}/g },
  { name: "slack-webhook", pattern: /(hooks\.slack\.com\/(?:services|workflows|triggers)\/)[A-Za-z0-9+/]{20,}/g },
  { name: "teams-webhook", pattern: /(\.webhook\.office\.com\/webhookb2\/)[\w@/-]{60,}/g },
  { name: "google-token", pattern: /ya29\.[\w-]{20,}/g },
  { name: "npm-token", pattern: /npm_[A-Za-z0-9]{36}/g },
  { name: "age-key", pattern: /AGE-SECRET-KEY-1[A-Z0-9]{50,}/g },
  ...shortPrefixes,
];

/** What is a secret wherever it stands. */
export const builtInRules: readonly BuiltInRule[] = [
  jwt,
  ...formRules,
  { name: "bearer", pattern: /(bearer[ \t]{1,8})[A-Za-z0-9._~+/=-]{16,}/gi },
  {
    name: "authorization",
    pattern:
      /(authorization["'\\]{0,4}[ \t]{0,8}[:=][ \t]{0,8}["'\\]{0,4}(?:basic|token|apikey|digest)[ \t]{1,8})[A-Za-z0-9._~+/=-]{8,}/gi,
  },
  {
    name: "url-password",
    pattern: /(:\/\/[^\s:/?#@"'<>\\]*:)[^\s/?#"'<>\\]+(?=@)/g,
    isInnocent: isPlaceholder,
  },
  ...assignments,
  ...toolRules,
  ...fileRules,
];

// Sorted by first letter, which the engine tells apart in one step: three times as fast as a list.
const hints = [
  "://",
  "a(?:kia|sia|bia|cca|iza|ge-s|pi[_-]?k|pi_org|uth[o\"'`\\\\ =:]|cc(?:ess|ount)[_-]?k)",
  "b(?:asic[ \\t]|earer|y[ \\t]{1,8}[\"'])",
  "credent",
  "eyj",
  "g(?:h[pousr]_|ithub_pat|l[a-z]{2,5}-|sk_)",
  "h(?:ooks\\.sl|f_)",
  "npm_",
  "oy2",
  "p(?:rivate[ _-]?key|assw|assph|plx-|wd[ \\t]{0,8}=)",
  "r8_",
  "s(?:k-|ecret|hared[_-]?k|ig(?:nature)?=)",
  "token",
  "webhook\\.off",
  "x(?:ox|app-|ai-)",
  "ya29",
];
const generalHint = new RegExp(hints.join("|"), "i");

/** Whether a built-in rule may find something: one fast look at nearly every text. */
export const mayHoldSecret = (text: string): boolean =>
  generalHint.test(text) || serviceHint.test(text) || toolHint.test(text);
