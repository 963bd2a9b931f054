import type { ForgeAnswer } from "#supervisor/forge/forge.ts";

/** Why there is no answer to use. */
export type ForgeFailure = Exclude<ForgeAnswer<never>, { kind: "ok" }>;

/** What is known of a request that failed: status (500 where no answer came), the forge's words, and its headers in lower case. */
export type FailedRequest = {
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
};

/** The longest time that a forge may ask for, milliseconds: GitHub counts by the hour. */
const longestMs = 3_660_000;
/** What GitHub asks of whoever it limits without saying for how long, milliseconds. */
const limitedMs = 60_000;

const limitWords = /rate limit|abuse detection|submitted too quickly/i;

// What GitHub says where the credential lacks a right, whatever its allowance is worth at that moment.
const deniedWords = /not accessible by|must have [\w ]+ (rights|access)|permission/i;
const archivedWords = /archived/i;

/** Whether the forge limits us. GitHub does with 403 or 429, for content with 422, and tells it by a header or only in words. */
const isLimit = ({ status, message, headers }: FailedRequest): boolean => {
  if (status === 429) return true;
  if (status === 422) return /submitted too quickly/i.test(message);
  if (status !== 403) return false;
  if (headers["retry-after"] !== undefined || limitWords.test(message)) return true;
  return headers["x-ratelimit-remaining"] === "0" && !deniedWords.test(message) && !archivedWords.test(message);
};

const msUntil = (headers: FailedRequest["headers"], nowMs: number): number => {
  const after = String(headers["retry-after"] ?? "");
  if (/^\d+$/.test(after)) return Number(after) * 1000;
  if (after !== "") return Date.parse(after) - nowMs;
  return headers["x-ratelimit-remaining"] === "0" ? Number(headers["x-ratelimit-reset"]) * 1000 - nowMs : Number.NaN;
};

// Nothing, or a time gone by, is no hint.
const pauseMs = (failed: FailedRequest, nowMs: number): number | undefined => {
  const asked = msUntil(failed.headers, nowMs);
  if (asked > 0) return Math.min(asked, longestMs);
  return isLimit(failed) ? limitedMs : undefined;
};

/** What a failed request means: the forge is away, busy or limits us, or it says no. `nowMs` is wall time. */
export const judgeForgeFailure = (failed: FailedRequest, what: string, nowMs: number): ForgeFailure => {
  const { status, message } = failed;
  const text = `${what}: ${status}: ${message.replaceAll(/\s+/g, " ").slice(0, 500)}`;
  if (status >= 500 || status === 408 || isLimit(failed)) {
    const afterMs = pauseMs(failed, nowMs);
    const asks = afterMs === undefined ? "" : `: it asks to be left alone for ${Math.ceil(afterMs / 1000)} s`;
    return { kind: "retry", message: text + asks, afterMs };
  }
  if (status === 403 && archivedWords.test(message))
    return { kind: "refused", reason: "ForgeRefused", message: `${text}: the repository takes no more changes` };
  if (status === 401 || status === 403)
    return { kind: "refused", reason: "AuthenticationFailed", message: `${text}: check what the credential may do` };
  if (status === 404)
    return { kind: "refused", reason: "RepositoryNotFound", message: `${text}: check the repository's address` };
  return { kind: "refused", reason: "ForgeRefused", message: text };
};

/** Headers of an answer of the web's fetch. */
export const headersOf = (headers: Headers): FailedRequest["headers"] => Object.fromEntries(headers);
