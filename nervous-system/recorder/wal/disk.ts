/** One open file of a `Disk`. Errors carry Node's `code` (ENOSPC, EIO …). */
export type DiskFile = {
  /** Writes all of `data` at `position` bytes, or rejects. */
  write(data: Uint8Array, position: number): Promise<void>;
  /** Reads up to `length` bytes from `position`; fewer only at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** Resolves when everything written is on the medium (fdatasync). */
  sync(): Promise<void>;
  /** Cuts the file to `size` bytes. */
  truncate(size: number): Promise<void>;
  /** Bytes in the file. */
  size(): Promise<number>;
  close(): Promise<void>;
};

/** The few file-system calls that the log is made of, so that tests inject every fault. */
export type Disk = {
  /** Names in `directory`, which is made if it is not there. */
  list(directory: string): Promise<string[]>;
  /** Makes a file that must not exist yet. */
  create(path: string): Promise<DiskFile>;
  /** Opens a file that exists, for reading and writing. */
  open(path: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Resolves when creations, renames and removals in `directory` are on the medium. */
  syncDirectory(directory: string): Promise<void>;
};

/** Node's error code of whatever was thrown, or `""`. */
export const errorCode = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
};

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
