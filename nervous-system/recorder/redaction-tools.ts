import type { BuiltInRule } from "./redaction-rules.ts";
import { isInnocentValue, isPlaceholder, looksLikeCode } from "./redaction-innocent.ts";

// Between two words of a file: spaces, or an end of line, of a patch and of a text in a text too.
const gap = "(?:[ \\t]|(?:\\r?\\n|\\\\{1,3}[nrt])[+-]?){1,16}";
const quote = `(?:\\\\{0,3}["'\`])`;
const value = `[^\\s"'\`\\\\]`;
const rest = "[^\\n|;&\\\\]{0,200}?"; // of the same command

const netrc = (begin: string): string =>
  `${begin}(?:(?:login|account)${gap}[^\\s\\\\]{1,256}${gap}){0,2}password${gap}`;

/** Whether a text in base64 says `user:password`. */
const isPair = (text: string): boolean => {
  const decoded = Buffer.from(text, "base64").toString("utf8");
  return /^[^:\p{Cc}\uFFFD]+:[^\p{Cc}\uFFFD]+$/u.test(decoded);
};
const isNoPair = (text: string): boolean => !isPair(text);

const prose =
  /^(?:a|an|and|are|argument|as|can|file|flag|for|from|if|in|instead|is|may|must|not|on|options?|or|parameter|prompt|should|stdin|that|the|to|via|was|when|will|with)[.,;:)]?$/i;
const isEnd = (next: string): boolean => next === "" || next === "\n" || next === "\r" || next === "\\";
const types =
  /^(?:any|bool|boolean|bytes?|char|false|hidden|int|integer|nil|none|null|number|optional|required|str|text|true|undefined|unknown|varchar)$/i;
/** A type, or a variable that is called after what it holds: `string`, `hashedPassword`, `new_password`. */
export const isNamed = (secret: string): boolean =>
  types.test(secret) ||
  /[a-z0-9](?:Pass|Pwd|Secret|String)/.test(secret) ||
  /(?:^|_)(?:pass(?:word|wd|phrase)?|pwd|secret|string)$/i.test(secret);

const isNoLogin = (secret: string, before: string, ahead: () => string): boolean =>
  /^(?:\d+$|\/)/.test(secret) ||
  isPlaceholder(secret) ||
  before.endsWith(`${secret}:`) ||
  // `docker run -u app:staff` and `curl -u ann:hunter` look the same but for the program.
  (/^[a-z_-]+$/.test(secret) && !/curl|http|wget/i.test(ahead()));

const hashes = [
  "\\$2[abxy]?\\$\\d\\d\\$[./A-Za-z0-9]{53}",
  "\\$(?:apr1|1)\\$[./A-Za-z0-9]{1,8}\\$[./A-Za-z0-9]{22}",
  "\\$[56]\\$(?:rounds=\\d{1,9}\\$)?[./A-Za-z0-9]{1,16}\\$[./A-Za-z0-9]{43,86}",
  "\\$(?:y|gy|7)\\$[./A-Za-z0-9]{1,16}\\$[./A-Za-z0-9]{1,86}\\$[./A-Za-z0-9]{43}",
  "\\$(?:argon2(?:id|i|d)|scrypt)\\$[\\w=,.$/+-]{20,256}",
  "\\{(?:S?SHA(?:256|512)?|SMD5|CRYPT)\\}[A-Za-z0-9+/=.$]{13,200}",
  "pbkdf2_sha\\d{1,3}\\$\\d{1,8}\\$[A-Za-z0-9]{1,64}\\$[A-Za-z0-9+/=]{27,88}",
  "SCRAM-SHA-256\\$\\d{1,8}:[A-Za-z0-9+/=]{8,64}\\$[A-Za-z0-9+/=:]{40,100}",
];

/** Commands, and the flag behind which each takes a password. */
const passwordFlags = [
  `sshpass${rest} -p`,
  `(?:docker|podman|nerdctl|buildah|skopeo|helm|oras|crane|oc|az)[a-z ]{0,20} login${rest} -p`,
  `redis-cli${rest} -a`,
  `ldap(?:search|modify|add|delete|passwd|whoami)${rest} -w`,
];

/** What tools write or are told with a password in it. */
export const toolRules: readonly BuiltInRule[] = [
  {
    name: "netrc",
    hint: "password",
    pattern: new RegExp(
      `(${netrc(`machine${gap}[^\\s\\\\]{1,253}${gap}`)}|${netrc(`default${gap}(?=login)`)})${value}+`,
      "g",
    ),
    isInnocent: isPlaceholder,
  },
  {
    name: "git-credential",
    hint: "username=",
    pattern: new RegExp(`(username=[^\\s\\\\]{1,256}(?:\\r?\\n|\\\\{1,3}n)[+-]?password=)${value}+`, "g"),
    isInnocent: isPlaceholder,
  },
  {
    name: "pgpass",
    hint: ":5432:",
    pattern: /(:5432:[^:\s\\]{1,64}:[^:\s\\]{1,64}:)[^\s"'\\]{3,}/g,
    isInnocent: isPlaceholder,
  },
  {
    name: "docker-auth",
    pattern: new RegExp(
      `((?:${quote}auth${quote}[ \\t]{0,64}:|_auth[ \\t]{0,64}[:=])[ \\t]{0,64}${quote}?)[A-Za-z0-9+/=]{6,}`,
      "g",
    ),
    isInnocent: isNoPair,
  },
  {
    name: "docker-auth",
    hint: "dockerconfigjson",
    pattern: new RegExp(`(dockerconfigjson${quote}?[ \\t]{0,64}:[ \\t]{0,64}${quote}?)[A-Za-z0-9+/=]{16,}`, "g"),
  },
  { name: "authorization", pattern: /(basic[ \t]{1,8})[A-Za-z0-9+/=]{6,}/gi, isInnocent: isNoPair },
  { name: "password-hash", pattern: new RegExp(hashes.join("|"), "g") },
  {
    name: "user-password",
    pattern: new RegExp(
      `((?:(?<=[\\s"'])-u|(?:-u|--user|--proxy-user|--auth)[ =]{1,4})${quote}?[^\\s:"'\\\\/@$]{1,128}:)${value}+`,
      "g",
    ),
    isInnocent: (secret, { before, ahead }) => isNoLogin(secret, before, ahead),
  },
  {
    name: "flag",
    hint: /-(?:p|a |w |-from-literal)/,
    pattern: new RegExp(
      `((?:(?:${passwordFlags.join("|")})[ =]{0,2}|(?:mysql|mariadb)[a-z]{0,10} ${rest}(?<= )-p|--from-literal[ =]${quote}?[\\w.-]{1,128}=|-pass(?:in|out)?[ =]pass:)${quote}?)${value}{2,}`,
      "g",
    ),
    isInnocent: (secret, { ahead }) =>
      isPlaceholder(secret) || secret.startsWith("-") || ahead().includes("create configmap"),
  },
  {
    name: "flag",
    pattern: new RegExp(
      `(--[\\w-]{0,32}?(?:password|passwd|passphrase)(?:=|[ \\t]{1,4})${quote}?)(?=[^-])${value}{2,}`,
      "g",
    ),
    isInnocent: (secret) => isPlaceholder(secret) || prose.test(secret) || types.test(secret.replace(/[.,;:)]$/, "")),
  },
  {
    name: "flag",
    pattern: /(--[\w-]{0,32}?(?:token|secret|api-?key|access-key|private-key)[ \t]{1,4}["']?)[\w+/~.@#%^*!=-]{8,}/g,
    isInnocent: (secret, { next }) => isInnocentValue(secret, next),
  },
  {
    name: "sql-password",
    hint: /(?:by|password)[ \t]{1,8}["']/i,
    pattern:
      /((?:identified[ \t]{1,8}(?:with[ \t]{1,4}\w{1,40}[ \t]{1,4})?by|(?:with|encrypted)[ \t]{1,8}password)[ \t]{1,8}["'])[^"'\s\\]{1,256}/gi,
    isInnocent: isPlaceholder,
  },
  {
    name: "assignment", // in quotes, shorter than a key or a token
    pattern: new RegExp(
      `((?:password|passwd|passphrase)${quote}?[ \\t]{0,64}(?::=|=>|[:=])[ \\t]{0,64}${quote})${value}{4,}`,
      "gi",
    ),
    isInnocent: (secret) => isPlaceholder(secret) || isNamed(secret),
  },
  {
    name: "assignment", // alone on its line, as in YAML and at a prompt, where a word may be a password too
    pattern: /((?:password|passwd|passphrase)[ \t]{0,64}:[ \t]{1,64})[^\s"'`\\,;(){}[\]<>|&]{4,}/gi,
    isInnocent: (secret, { next }) =>
      !isEnd(next) || isPlaceholder(secret) || isNamed(secret) || prose.test(secret) || looksLikeCode(secret),
  },
  {
    name: "assignment", // alone on its line, as in an ini file, where a word may be a variable
    pattern: /((?:password|passwd|passphrase)[ \t]{0,64}=[ \t]{0,64})[^\s"'`\\,;(){}[\]<>|&]{4,}/gi,
    isInnocent: (secret, { next }) =>
      !isEnd(next) || isPlaceholder(secret) || /^(?:[A-Za-z_$]+|[=-]+)$/.test(secret) || looksLikeCode(secret),
  },
];

/** Whether the value of a member or a variable of that name is a secret. */
export const isSecretMember = (name: string, text: string): boolean => {
  if (isPlaceholder(text)) return false;
  if (/(?:password|passwd|passphrase)$/i.test(name)) return text.length >= 4 && !isNamed(text);
  if (/(?:^|_)auth$/i.test(name)) return isPair(text);
  return (
    /(?:secret|token|(?:api|access|private|account|shared)[_-]?key|credentials?)$/i.test(name) && /^\S{8,}$/.test(text)
  );
};

// Each begins with a sign that texts hold seldom: to look for all of these costs nearly nothing.
const hints = [
  "-(?<=[\\s\"']-)[apuw]",
  "-(?:-user|-proxy-u|-auth|-from-l|pass|sha)",
  "_(?:pass|pwd|sha)",
  ":5432:",
  "\\.dockerc",
  "\\$(?:apr1|argon2|scrypt|[1567y]|gy|2[abxy]?)\\$",
  "\\{(?:s?sha|smd5|crypt)",
];

/** Whether a rule above may find something in a text that says neither password nor the name of another secret. */
export const toolHint = new RegExp(hints.join("|"), "i");
