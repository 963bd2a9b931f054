/** A value that is a secret, and the name that stands in its place: `[redacted:<name>]`. */
export type SecretValue = { readonly name: string; readonly value: string };

const telling =
  /TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL|API_?KEY|WEBHOOK|(?:^|_)(?:KEY|PASS|PWD?|AUTH|PAT|CREDS?|COOKIE|JWT)\d{0,3}(?:_|$)/;
// A shell's directory; the name of a secret, and then what is told of it: where it is, how long, whose.
const ofSomethingElse =
  /^(?:OLD)?PWD$|TOKENIZ|PUBLIC|^GPG_KEY$|_(?:TOKENS|FILE|PATH|DIR|URI|HOST|PORT|NAME|ID|TYPE|TTL|EXPIR\w*|LIMIT|COUNT|SIZE|VERSION|ALG\w*|ARN|REGION|SOCK|METHOD|MODE|HELPER|ENDPOINT|ISSUER|AUDIENCE|SCOPES?|FINGERPRINT|USER(?:NAME)?|EMAIL|DOMAIN|PROVIDER)$/;

/** Shorter than this, a text may stand anywhere by chance. */
export const leastSecretChars = 8;
/** Longer than this, it is a document, of which the rules find what is secret in it. */
const MAX_CHARS = 16 * 1024;
const MIN_DISTINCT = 5;
/** Words of this length altogether do not stand in a text by chance. */
const WORDS_CHARS = 16;
const words = /^[A-Za-z]?(?:[a-z]*|[A-Z]*)(?:[-_. ][A-Za-z]?(?:[a-z]*|[A-Z]*))*$/;
const path = /^(?:~|\.{0,2})\/[\w.@ /-]*$/;
const random = /(?=[^/]{0,64}\d)(?=[^/]{0,64}[a-z])(?=[^/]{0,64}[A-Z])[^/]{16}/;
const placeholder = /^(?:\$|\{\{|<|%\w+%$)/;

/** Whether a value is long and odd enough to be cut wherever it stands. */
const isDistinct = (value: string): boolean =>
  value.length >= leastSecretChars &&
  value.length <= MAX_CHARS &&
  new Set(value).size >= MIN_DISTINCT &&
  !/^\d{1,15}$/.test(value) &&
  (value.length >= WORDS_CHARS || !words.test(value)) &&
  (!path.test(value) || random.test(value)) &&
  !placeholder.test(value);

const unescaped = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const urlPasswords = (value: string): string[] =>
  [...value.matchAll(/:\/\/[^\s:/?#@]*:([^\s/?#]+)@/g)].flatMap(([, found = ""]) => [found, unescaped(found)]);

const connectionSecrets = (value: string): string[] =>
  [...value.matchAll(/(?:^|;)\s*(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*([^;]+)/gi)].map(
    ([, found = ""]) => found,
  );

const secretsIn = (name: string, value: string): string[] => {
  const shouted = name.toUpperCase();
  const inside = [...urlPasswords(value), ...connectionSecrets(value)];
  const isSecret = telling.test(shouted) && !ofSomethingElse.test(shouted);
  // An address tells where; that of a webhook is all that it takes.
  const isWhole = isSecret && (shouted.includes("WEBHOOK") || !value.includes("://"));
  return isWhole ? [value, ...inside] : inside;
};

/**
 * What an environment holds of secrets: values of variables whose names say so (`*_TOKEN`, `*_KEY`, `*PASSWORD*`, …), and
 * passwords in addresses and connection strings of any variable. Left out is what may stand in a text by chance: short
 * values, words, numbers, paths.
 */
export const secretValuesOf = (environment: Readonly<Record<string, string | undefined>>): SecretValue[] =>
  Object.entries(environment).flatMap(([name, value = ""]) =>
    secretsIn(name, value.trim())
      .filter(isDistinct)
      .map((secret) => ({ name: /^[\w.-]{1,48}$/.test(name) ? name : "environment", value: secret })),
  );
