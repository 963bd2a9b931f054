/** Why the log refused. */
export type WalErrorCode = "WAL_LOCKED" | "WAL_CLOSED" | "RECORD_TOO_LARGE";

/** A refusal of the log; nothing that it refused was written. */
export class WalError extends Error {
  readonly code: WalErrorCode;

  constructor(code: WalErrorCode, message: string) {
    super(message);
    this.name = "WalError";
    this.code = code;
  }
}
