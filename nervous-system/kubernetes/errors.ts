/** The API server answered a request with an error. */
export class ApiError extends Error {
  readonly tag = "ApiError";
  /** HTTP status code. */
  readonly code: number;
  /** The machine-readable reason of the Status, such as `NotFound` or `AlreadyExists`. */
  readonly reason: string;
  /** How long the server asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(fields: { code: number; reason: string; message: string; retryAfterMs?: number | undefined }) {
    super(fields.message);
    this.name = "ApiError";
    this.code = fields.code;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

/** No whole answer came: whether a write was carried out is not known, so look before trying again. */
export class ConnectionError extends Error {
  readonly tag = "ConnectionError";
  /** Code of the system error, such as `ECONNREFUSED`, or `ETIMEDOUT`, `EABORTED`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "ConnectionError";
    this.code = code;
  }
}

/** What proves who asks could not be had: a file that is not there, a program that fails. */
export class CredentialsError extends Error {
  readonly tag = "CredentialsError";
  override readonly name = "CredentialsError";
}

// By tag and not by instanceof: an error that crossed a realm (jest, vm) is of another class of the same name.
const hasTag = (error: unknown, tag: string): boolean =>
  typeof error === "object" && error !== null && "tag" in error && error.tag === tag;

/** Whether the API server answered with an error. */
export const isApiError = (error: unknown): error is ApiError => hasTag(error, "ApiError");

/** Whether no answer came. */
export const isConnectionError = (error: unknown): error is ConnectionError => hasTag(error, "ConnectionError");

/** Whether nothing was asked, for want of credentials. */
export const isCredentialsError = (error: unknown): error is CredentialsError => hasTag(error, "CredentialsError");

const hasReason = (error: unknown, code: number, reason: string): boolean =>
  isApiError(error) && error.code === code && error.reason === reason;

/** The object is not there. */
export const isNotFound = (error: unknown): boolean => isApiError(error) && error.code === 404;

/** The object changed, or is another one of the same name: read again and decide again. */
export const isConflict = (error: unknown): boolean => hasReason(error, 409, "Conflict");

/** A create found an object of that name. */
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 409, "AlreadyExists");

/** The resourceVersion or the continue token is older than what the server remembers: list again. */
export const isExpired = (error: unknown): boolean => isApiError(error) && error.code === 410;

/** The object itself was refused; the same write will be refused again. */
export const isInvalid = (error: unknown): boolean => isApiError(error) && (error.code === 422 || error.code === 400);

/** The writer lacks the right, or an admission policy refused. */
export const isForbidden = (error: unknown): boolean => isApiError(error) && error.code === 403;

type StatusBody = { reason?: string; message?: string; code?: number; details?: { retryAfterSeconds?: number } };

const parseStatus = (text: string): StatusBody => {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    return { message: text.slice(0, 1024) };
  }
};

// "At once" is no hint: it leaves the pause to the backoff of whoever asked.
const retryAfterMs = (header: string | undefined, seconds: number | undefined): number | undefined => {
  const asked = Number(header ?? seconds ?? Number.NaN);
  return Number.isFinite(asked) && asked > 0 ? asked * 1000 : undefined;
};

/** The error that an answer with a failing status code stands for. */
export const parseApiError = (what: string, code: number, text: string, retryAfter?: string): ApiError => {
  const status = parseStatus(text);
  const reason = status.reason ?? "Unknown";
  return new ApiError({
    code,
    reason,
    message: `${what}: ${code} ${reason}: ${status.message ?? "the API server gave no message"}`,
    retryAfterMs: retryAfterMs(retryAfter, status.details?.retryAfterSeconds),
  });
};
