import { isPlaceholder } from "./redaction-innocent.ts";
import { addressSecrets, connectionSecrets, headerParts, jsonMembers, looksDrawn, partsOf } from "./secret-parts.ts";

/** A value that is a secret, and the name that stands in its place: `[redacted:<name>]`. */
export type SecretValue = { readonly name: string; readonly value: string };

const telling =
  /TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL|(?:API|ACCESS|PRIVATE)_?KEY|WEBHOOK|(?:^|_)(?:KEY|PASS|PWD?|AUTH(?:ORIZATION)?|PAT|CREDS?|COOKIE|JWT)\d{0,3}(?:_|$)/;
// A shell's directory; a setting's name; the name of a secret, and then what is told of it: where it is, how long, whose.
const ofSomethingElse =
  /^(?:OLD)?PWD$|TOKENIZ|PUBLIC|^GPG_KEY$|^GIT_CONFIG_KEY_|_(?:TOKENS|FILE|PATH|DIR|URI|HOST|PORT|NAME|ID|TYPE|TTL|EXPIR\w*|LIMIT|COUNT|SIZE|VERSION|ALG\w*|ARN|REGION|SOCK|METHOD|MODE|HELPER|ENDPOINT|ISSUER|AUDIENCE|SCOPES?|FINGERPRINT|USER(?:NAME)?|EMAIL|DOMAIN|PROVIDER)$/;

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

/** Whether a value is long and odd enough to be cut wherever it stands. */
const isDistinct = (value: string): boolean =>
  value.length >= leastSecretChars &&
  value.length <= MAX_CHARS &&
  new Set(value).size >= MIN_DISTINCT &&
  !/^\d{1,15}$/.test(value) &&
  (value.length >= WORDS_CHARS || !words.test(value)) &&
  (!path.test(value) || random.test(value)) &&
  !isPlaceholder(value);

const headers = /^(?:proxy-)?authorization:/i;
/** `clientSecret` and `x-api-key` as a variable would be called. */
const asVariable = (name: string): string =>
  name
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toUpperCase();

/** The value of a variable that is called after a secret, and its parts. */
const toldSecrets = (variable: string, value: string): string[] => {
  // An address tells where; that of a webhook is all that it takes.
  if (value.includes("://")) return variable.includes("WEBHOOK") ? [value] : [];
  return value.length > MAX_CHARS ? [] : [value, ...partsOf(value)];
};

/** What is secret in a value of that name; `isWithin`: it is a part of something that is secret, or holds headers. */
const secretsIn = (name: string, value: string, isWithin = false): string[] => {
  const variable = asVariable(name);
  const isTold = !ofSomethingElse.test(variable) && (telling.test(variable) || (isWithin && looksDrawn(value)));
  const holdsHeaders = !isWithin && (/(?:^|_)HEADERS?$/.test(variable) || headers.test(value));
  const members = [...jsonMembers(name, value), ...(holdsHeaders ? headerParts(value) : [])]
    // In what is no secret itself, `key` may be that of anything.
    .filter(([member, text]) => text !== value && (isTold || member !== "key"))
    .flatMap(([member, text]) => secretsIn(member, text, isTold || holdsHeaders));
  const inside = [...addressSecrets(value), ...connectionSecrets(value), ...members];
  return isTold ? [...toldSecrets(variable, value), ...inside] : inside;
};

/**
 * What an environment holds of secrets: values of variables whose names say so (`*_TOKEN`, `*_KEY`, `*PASSWORD*`, …), their
 * items and lines, and those in addresses, connection strings, JSON and headers of any variable. Left out is what may stand
 * in a text by chance: short values, words, numbers, paths.
 */
export const secretValuesOf = (environment: Readonly<Record<string, string | undefined>>): SecretValue[] =>
  Object.entries(environment).flatMap(([name, value = ""]) =>
    [...new Set(secretsIn(name, value.trim()))]
      .filter(isDistinct)
      .map((secret) => ({ name: /^[\w.-]{1,48}$/.test(name) ? name : "environment", value: secret })),
  );
