/** An exception as ClickHouse tells it: a code of its list, the code's name and a text. */
export class ClickHouseException extends Error {
  readonly code: number;
  readonly codeName: string;

  constructor(code: number, codeName: string, message: string) {
    super(message);
    this.code = code;
    this.codeName = codeName;
  }
}

const TOLD = /^Code: (\d+)\. DB::Exception: ([\s\S]*?)\s*\(([A-Z0-9_]+)\)\s*$/;
const NESTED = /^(?:Code: \d+\. DB::Exception: )+/;
const SUFFIX = /(?:\s*\([A-Z0-9_]{4,}\) \(version [0-9.]+\)\.?)+\s*$/;
const UNKNOWN_EXCEPTION = 1002;

/** Reads what the engine threw. The engine wraps an exception in itself up to three times; one is kept. */
export const exceptionFrom = (told: string): ClickHouseException => {
  const [, code, text = "", name = ""] = TOLD.exec(told.trim()) ?? [];
  if (code === undefined) return new ClickHouseException(UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", told);
  return new ClickHouseException(Number(code), name, text.replace(NESTED, "").replace(SUFFIX, ""));
};

/** The text of the body of a failed answer, without line end. */
export const exceptionText = ({ code, codeName, message }: ClickHouseException, version: string): string =>
  `Code: ${code}. DB::Exception: ${message.replace(/\.?$/, ".")} (${codeName}) (version ${version})`;

/** A ClickHouse exception for whatever was thrown. */
export const asException = (thrown: unknown): ClickHouseException => {
  if (thrown instanceof ClickHouseException) return thrown;
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  if (code === "ENOSPC")
    return new ClickHouseException(243, "NOT_ENOUGH_SPACE", `The disk is full: ${String(message)}`);
  return new ClickHouseException(UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", String(message ?? thrown));
};

const STATUS: readonly (readonly [status: number, codes: readonly number[]])[] = [
  [401, [194]],
  [403, [192, 193, 497, 512, 516]],
  // BAD_ARGUMENTS, CANNOT_PARSE_*, CANNOT_COMPILE_REGEXP, wrong columns, AST too deep or big, SYNTAX_ERROR, INCORRECT_DATA, TYPE_MISMATCH
  [400, [6, 8, 15, 25, 26, 27, 36, 38, 41, 44, 53, 62, 72, 117, 167, 168, 223, 321, 376, 427, 441, 675, 676]],
  // UNKNOWN_*
  [404, [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, 511]],
  [408, [159]],
  [411, [381]],
  [413, [66]],
  [415, [303]],
  [501, [48]],
  // SOCKET_TIMEOUT, NETWORK_ERROR (ours: the engine died or is starting), CANNOT_SCHEDULE_TASK: try again
  [503, [209, 210, 439]],
];

/** The HTTP status of an exception code, as ClickHouse's server maps them. */
export const httpStatusOf = (code: number): number => STATUS.find(([, codes]) => codes.includes(code))?.[0] ?? 500;
