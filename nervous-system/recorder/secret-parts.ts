/** A text, and the name it has in what it is a part of. */
export type NamedPart = readonly [name: string, text: string];

const MAX_DEPTH = 8;
/** Shorter than this, a line or a word of a secret may be a word of anything. */
const WORD_CHARS = 16;

const unescaped = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Whether a text looks drawn by lot: letters and digits, many in a row. */
export const looksDrawn = (text: string): boolean =>
  /(?<![A-Za-z\d])(?=[A-Za-z]{0,64}\d)(?=\d{0,64}[A-Za-z])[A-Za-z\d]{16}/.test(text);

/** Passwords in addresses, and users that look like tokens: escaped and not. */
export const addressSecrets = (value: string): string[] =>
  [...value.matchAll(/:\/\/([^\s:/?#@]*)(?::([^\s/?#]*))?@/g)]
    .flatMap(([, user = "", password = ""]) => (looksDrawn(user) ? [user, password] : [password]))
    .flatMap((found) => [found, unescaped(found)]);

const secretKeys =
  "(?:password|passwd|accountkey|sharedaccess(?:key|signature)|(?<![a-z])(?:pwd|sig|token|secret|api_?key|access_?token))";
// `Password=a b;`, where only a semicolon ends it, and libpq, JDBC, Redis and options of programs, where much else does.
const connectionForms = [
  new RegExp(`(?:^|;)\\s{0,8}${secretKeys}\\s{0,8}=\\s{0,8}([^\\s;'"][^;\\n]*)`, "gi"),
  new RegExp(`${secretKeys}\\s{0,8}=\\s{0,8}(?:'([^']+)'|"([^"]+)"|([^\\s;,&]+))`, "gi"),
  /(?<![^\s,=])[^\s:/@,=]{1,128}:(?!\/\/)(\S{1,256}?)@(?:(?:tcp|udp|unix)\d?\(|[\w.-]{1,253}:\d{2,5}(?:\/|$))/g,
];

/** Passwords and keys in connection strings: of ADO, libpq, JDBC, Go, Redis, Azure, and `user:password@host:port`. */
export const connectionSecrets = (value: string): string[] =>
  connectionForms
    .flatMap((form) => [...value.matchAll(form)])
    .flatMap(([, ...found]): ReadonlyArray<string | undefined> => found)
    .flatMap((found = "") => [found, unescaped(found)]);

const membersOf = (name: string, value: unknown, depth: number): NamedPart[] => {
  if (typeof value === "string") return [[name, value]];
  if (typeof value !== "object" || value === null || depth === MAX_DEPTH) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    membersOf(Array.isArray(value) ? name : key, inner, depth + 1),
  );
};

/** The strings in a text of JSON by the names of their members; those of a list have its own name. */
export const jsonMembers = (name: string, value: string): NamedPart[] => {
  if (!/^[{[]/.test(value)) return [];
  try {
    return membersOf(name, JSON.parse(value), 0);
  } catch {
    return [];
  }
};

/** The headers in a text such as `a=b,c=d`, as OpenTelemetry has it, or `a: b` on lines; escaped and not. */
export const headerParts = (value: string): NamedPart[] =>
  [...value.matchAll(/(?:^|[,\n])\s{0,8}([\w-]{1,64})\s{0,8}[:=]([^,\n]+)/g)].flatMap(
    ([, name = "", text = ""]): NamedPart[] => [
      [name, text.trim()],
      [name, unescaped(text.trim())],
    ],
  );

const ofNoSecret = /^(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-|^[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,253}$|:\/\/|["{}]/;
const isPart = (text: string): boolean => /\d/.test(text) && /[A-Za-z]/.test(text) && !ofNoSecret.test(text);
const withoutName = (text: string): string => text.replace(/^[^\s:=]{1,128}[:=](?=[^:=])/, "");

/**
 * What of a secret stands alone elsewhere: items between commas, semicolons or blanks, without the names before them
 * (`user:…`, `name=…`), and lines; items between blanks only where they are long. A word without digits is none.
 */
export const partsOf = (value: string): string[] => {
  const items = /\s/.test(value.replaceAll(/[,;]\s{1,8}|^(?:bearer|basic|token|apikey)\s{1,8}/gi, ","))
    ? []
    : value.split(/[\s,;]+/);
  const words = value.split(/[\s,;]+/).filter((word) => word.length >= WORD_CHARS);
  return [...items, ...words].flatMap((part) => [part, withoutName(part)]).filter(isPart);
};
