import type { BuiltInRule } from "./redaction-rules.ts";
import { isInnocentValue, isPlaceholder } from "./redaction-innocent.ts";
import { isNamed } from "./redaction-tools.ts";
import { looksDrawn } from "./secret-parts.ts";

/** How variables that hold secrets are called, as a part of a pattern. */
export const secretVariable =
  "(?:PASSWORD|PASSWD|PASSPHRASE|_PASS|_PWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)(?:_KEY|_KEY_BASE|_VALUE|_DEV|_TEST|_STAGING|_PROD|_PRODUCTION|_?[0-9]{1,3})?";

const quote = `(?:\\\\{0,3}["'])`;
const gap = "(?:[ \\t]|(?:\\r?\\n|\\\\{1,3}[nrt])[+-]?){0,40}";
const isWord = (text: string): boolean => /^[A-Za-z_$]+$/.test(text);

/** What manifests, connection strings and signed addresses hold. */
export const fileRules: readonly BuiltInRule[] = [
  {
    name: "assignment", // a container's environment, in YAML and JSON
    hint: "value",
    pattern: new RegExp(
      `(name${quote}?:[ \\t]{0,8}${quote}?\\w{0,64}?${secretVariable}${quote}?,?${gap}${quote}?value${quote}?:[ \\t]{0,8}${quote}?)[^\\s"'\\\\]{4,}`,
      "g",
    ),
    isInnocent: (secret) => isPlaceholder(secret) || isNamed(secret) || /^\d{1,9}$/.test(secret),
  },
  {
    name: "assignment", // in a Dockerfile
    hint: "ENV",
    pattern: new RegExp(`(ENV[ \\t]{1,8}\\w{0,64}?${secretVariable}[ \\t]{1,8})[^\\s"'=\\\\]{4,}`, "g"),
    isInnocent: (secret, { next }) =>
      !/^[\r\n\\]?$/.test(next) || isPlaceholder(secret) || isWord(secret.replace(/[.,;:]$/, "")),
  },
  {
    name: "assignment",
    hint: /pwd[ \t=]/i,
    pattern: /(pwd[ \t]{0,8}=[ \t]{0,8})[^\s;"'`\\(){}<>|&]{4,128}(?=;)/gi,
    isInnocent: (secret) => isPlaceholder(secret) || isWord(secret) || /^[~.]{0,2}\//.test(secret),
  },
  {
    name: "assignment", // in XML
    hint: "</",
    pattern: /(<[\w:.-]{0,32}(?:password|passwd|passphrase)>)[^<\s]{4,}(?=<\/)/gi,
    isInnocent: (secret) => isPlaceholder(secret) || isNamed(secret),
  },
  { name: "signature", hint: /sig=/i, pattern: /((?:[?&;]|u0026)sig=)[\w%+/-]{40,}=?/gi },
  { name: "signature", hint: /-signature=/i, pattern: /(x-(?:amz|goog)-signature=)[a-f0-9]{64,}/gi },
  {
    name: "authorization", // without a scheme
    hint: /authorization/i,
    pattern: /(authorization["'\\]{0,4}[ \t]{0,8}[:=][ \t]{0,8}["'\\]{0,4})[A-Za-z0-9._~+/=-]{16,}/gi,
    isInnocent: (secret, { next }) => next === " " || !looksDrawn(secret) || isInnocentValue(secret, next),
  },
];
