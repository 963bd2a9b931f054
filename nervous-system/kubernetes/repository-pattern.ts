/** A repository's URL, or a pattern of such, taken apart. */
type Repository = {
  /** `host` or `host:port`, in lower case. */
  readonly host: string;
  readonly segments: readonly string[];
};

// What Git is given is the text, and what a URL parser makes of it may be another path: `a/../b`, `a/%2e%2e/b`, `a\b`. So it must
// be the same, and what else a URL may hold (a user, a query) is not understood.
const parse = (text: string): Repository | undefined => {
  const path = /^https:\/\/[^/\\?#@\s]+(\/.*)$/.exec(text)?.[1];
  if (path === undefined || !URL.canParse(text)) return undefined;
  const { host, pathname } = new URL(text);
  if (path !== pathname) return undefined;
  const trimmed = path
    .slice(1)
    .replace(/\/$/, "")
    .replace(/(?<=[^/])\.git$/, "");
  return { host, segments: trimmed.split("/") };
};

// Whatever a server may read as the end of a segment, such as %2f, must be spelled out.
const plain = /^[A-Za-z0-9._~-]+$/;

const matchesSegment = (pattern: string, segment: string | undefined): boolean => {
  const [before = "", after] = pattern.split("*", 2);
  if (segment === undefined || after === undefined) return pattern === segment;
  const room = segment.length - before.length - after.length;
  return (
    room > 0 &&
    segment.startsWith(before) &&
    segment.endsWith(after) &&
    plain.test(segment.slice(before.length, before.length + room))
  );
};

const matches = ({ host, segments: patterns }: Repository, repository: Repository): boolean => {
  const { segments } = repository;
  const isDeep = patterns.at(-1) === "**";
  const fixed = isDeep ? patterns.slice(0, -1) : patterns;
  const rest = segments.slice(fixed.length);
  return (
    host === repository.host &&
    fixed.every((pattern, place) => matchesSegment(pattern, segments[place])) &&
    (isDeep ? rest.length > 0 && rest.every((segment) => plain.test(segment)) : rest.length === 0)
  );
};

// A second star in a segment could be read in many ways, and a star in a host's name would lead anywhere.
const isPattern = ({ host, segments }: Repository): boolean =>
  !host.includes("*") &&
  segments.every((segment, place) =>
    segment === "**" ? place === segments.length - 1 : segment.indexOf("*") === segment.lastIndexOf("*"),
  );

/** Whether a text is the clone URL of a repository, by https and without credentials, written as it is asked for. */
export const isRepository = (text: string): boolean => parse(text)?.segments.some((segment) => segment !== "") === true;

/** How the clone URL that somebody meant is written: encoded, without query, fragment and `..`; undefined where it is none. */
export const meantRepository = (text: string): string | undefined => {
  const { protocol, host, pathname } = URL.canParse(text) ? new URL(text) : new URL("about:blank");
  const meant = `${protocol}//${host}${pathname}`;
  return isRepository(meant) ? meant : undefined;
};

/**
 * Whether an annotation's list, separated by commas or blanks, holds a pattern of the repository's URL. A pattern is a URL of https
 * in which one `*` a segment stands for letters, digits and `._~-`, and a last segment `**` for whatever lies below; host and port
 * are as they are, and so is the path, upper case and lower. A `.git` or `/` at the end makes no difference. The time is linear in
 * the list: nothing is ever tried in two ways.
 */
export const listsRepository = (list: string | undefined, repo: string): boolean => {
  const repository = parse(repo);
  if (repository === undefined) return false;
  return (list ?? "").split(/[\s,]+/).some((entry) => {
    const pattern = parse(entry);
    return pattern !== undefined && isPattern(pattern) && matches(pattern, repository);
  });
};
