import { promisify } from "node:util";
import * as zlib from "node:zlib";

/** A body without its content codings, or why it still has them. */
export type Decoded =
  | { readonly kind: "decoded"; readonly bytes: Buffer }
  | { readonly kind: "undecoded"; readonly why: "unknown" | "too large" | "broken"; readonly message: string };

/** How a body is to be read. */
export type Reading = {
  /** What it may have without its content coding. */
  readonly maxBytes: number;
  /** Whether it came to its end; one that was cut is read as far as it came: an agent may hang up after the last event. */
  readonly isWhole: boolean;
};

type Decode = (bytes: Buffer, reading: Reading) => Promise<Buffer>;

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const unbrotli = promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);
const unzstd = promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

const { constants } = zlib;
/** Options of a decoder that ends by `whole`, or by `cut` where the body was cut. */
const endingBy =
  (whole: number, cut: number) =>
  ({ maxBytes, isWhole }: Reading) => ({ maxOutputLength: maxBytes, finishFlush: isWhole ? whole : cut });
const zlibEnd = endingBy(constants.Z_FINISH, constants.Z_SYNC_FLUSH);
const brotliEnd = endingBy(constants.BROTLI_OPERATION_FINISH, constants.BROTLI_OPERATION_FLUSH);
const zstdEnd = endingBy(constants.ZSTD_e_end, constants.ZSTD_e_flush);

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
const isTooLarge = (error: unknown): boolean => codeOf(error) === "ERR_BUFFER_TOO_LARGE";
const isCut = (error: unknown): boolean => codeOf(error) === "Z_BUF_ERROR";

/** `deflate` is a zlib stream by its standard, and bare by the habit of some servers. */
const inflateAny: Decode = (bytes, reading) =>
  inflate(bytes, zlibEnd(reading)).catch((error: unknown) => {
    if (isTooLarge(error) || isCut(error)) throw error;
    return inflateRaw(bytes, zlibEnd(reading));
  });

const decoders: Readonly<Record<string, Decode>> = {
  gzip: (bytes, reading) => gunzip(bytes, zlibEnd(reading)),
  deflate: inflateAny,
  br: (bytes, reading) => unbrotli(bytes, brotliEnd(reading)),
  // Of several frames it would give the first, and not say that there are others.
  zstd: (bytes, reading) => unzstd(bytes, { ...zstdEnd(reading), rejectGarbageAfterEnd: true }),
};

const knownCodings = Object.keys(decoders).join(", ");

// More of them, one in another, no server sends; each may unfold to the whole bound.
const maxCodings = 3;

// What servers write there that is no coding: a body under it is as it is.
const noCodings: ReadonlySet<string> = new Set(["", "identity", "none", "utf-8", "utf8", "iso-8859-1", "us-ascii"]);

/** The codings that a `content-encoding` header names, in the order in which they were applied. */
const codingsOf = (header = ""): readonly string[] =>
  header
    .split(",")
    .map((one) => one.trim().toLowerCase().replace(/^x-/, ""))
    .filter((one) => !noCodings.has(one));

/** Whether a `content-encoding` header says that a body is coded at all. */
export const isCoded = (header: string | undefined): boolean => codingsOf(header).length > 0;

const undecoded = (why: "unknown" | "too large" | "broken", message: string): Decoded => ({
  kind: "undecoded",
  why,
  message,
});

const breaksOff = (header: string | undefined): Decoded =>
  undecoded("broken", `its content coding "${header}" breaks off`);

const whyNot = (error: unknown, header: string | undefined, { maxBytes }: Reading): Decoded => {
  if (isTooLarge(error)) return undecoded("too large", `it unfolds to more than ${maxBytes} bytes`);
  if (isCut(error)) return breaksOff(header);
  return undecoded("broken", `it is not in the content coding "${header}" that it claims`);
};

/** Takes the codings that `content-encoding` names off a body; never rejects. */
export const decodeBody = async (bytes: Buffer, header: string | undefined, reading: Reading): Promise<Decoded> => {
  const codings = codingsOf(header);
  const known = codings.flatMap((coding) => (Object.hasOwn(decoders, coding) ? (decoders[coding] ?? []) : []));
  if (known.length < codings.length || codings.length > maxCodings)
    return undecoded("unknown", `it is in the content coding "${header?.slice(0, 100)}", known are ${knownCodings}`);
  let plain = bytes;
  try {
    for (const decode of known.toReversed()) if (plain.length > 0) plain = await decode(plain, reading);
    const heldNothing = plain.length === 0 && bytes.length > 0;
    return heldNothing && !reading.isWhole ? breaksOff(header) : { kind: "decoded", bytes: plain };
  } catch (error) {
    return whyNot(error, header, reading);
  }
};
