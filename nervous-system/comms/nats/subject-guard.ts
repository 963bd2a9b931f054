const SAFE_TOKEN = /^(?:[A-Za-z0-9_-]|%[0-9A-F]{2})+$/;

/** A subject that may not reach the NATS client. */
class UnsafeSubjectError extends Error {
  override readonly name = "UnsafeSubjectError";
}

/**
 * Gives the subject back when each of its tokens is made of letters, digits, `_`, `-` and percent-encoded
 * bytes; throws `UnsafeSubjectError` otherwise. The wire is lines of text: a space or CRLF in a subject would
 * let its writer speak to the server.
 */
export const publishableSubject = (subject: string): string => {
  for (const token of subject.split(".")) {
    if (SAFE_TOKEN.test(token)) continue;
    throw new UnsafeSubjectError(
      `subject token ${JSON.stringify(token.slice(0, 80))} is refused; percent-encode it with subjectToken()`,
    );
  }
  return subject;
};

/** Like `publishableSubject`, for filters: a token may also be `*`, the last one `>`. */
export const filterSubject = (filter: string): string => {
  const tokens = filter.split(".");
  const last = tokens.at(-1) === ">" ? tokens.slice(0, -1) : tokens;
  publishableSubject(last.filter((token) => token !== "*").join(".") || "_");
  return filter;
};

/** Gives a header's value back; throws `UnsafeSubjectError` when it holds a line break or does not begin with a visible character. */
export const headerValue = (value: string): string => {
  if (/[\r\n]/.test(value) || !/^[\x21-\x7e]/.test(value)) {
    throw new UnsafeSubjectError("a header value holds a line break or begins with none or a space");
  }
  return value;
};
