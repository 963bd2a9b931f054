import { promisify } from "node:util";
import * as zlib from "node:zlib";

/** A body without its content codings, or why it still has them. */
export type Decoded =
  | { readonly kind: "decoded"; readonly bytes: Buffer }
  | { readonly kind: "undecoded"; readonly why: "unknown" | "too large" | "broken"; readonly message: string };

type Decode = (bytes: Buffer, maxBytes: number) => Promise<Buffer>;

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const unbrotli = promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);
const unzstd = promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

// A body that was cut is read as far as it came: an agent may hang up after the last event.
const { Z_SYNC_FLUSH, BROTLI_OPERATION_FLUSH, ZSTD_e_flush } = zlib.constants;
const cutZlib = (maxOutputLength: number) => ({ maxOutputLength, finishFlush: Z_SYNC_FLUSH });

const isTooLarge = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";

/** `deflate` is a zlib stream by its standard, and bare by the habit of some servers. */
const inflateAny: Decode = (bytes, max) =>
  inflate(bytes, cutZlib(max)).catch((error: unknown) => {
    if (isTooLarge(error)) throw error;
    return inflateRaw(bytes, cutZlib(max));
  });

const decoders: Readonly<Record<string, Decode>> = {
  gzip: (bytes, max) => gunzip(bytes, cutZlib(max)),
  deflate: inflateAny,
  br: (bytes, max) => unbrotli(bytes, { maxOutputLength: max, finishFlush: BROTLI_OPERATION_FLUSH }),
  // Of several frames it would give the first, and not say that there are others.
  zstd: (bytes, max) => unzstd(bytes, { maxOutputLength: max, finishFlush: ZSTD_e_flush, rejectGarbageAfterEnd: true }),
};

const knownCodings = Object.keys(decoders).join(", ");

// More of them, one in another, no server sends; each may unfold to the whole bound.
const maxCodings = 3;

// What servers write there that is no coding: a body under it is as it is.
const noCodings: ReadonlySet<string> = new Set(["", "identity", "none", "utf-8", "utf8", "iso-8859-1", "us-ascii"]);

/** The codings that a `content-encoding` header names, in the order in which they were applied. */
const codingsOf = (header: string): readonly string[] =>
  header
    .split(",")
    .map((one) => one.trim().toLowerCase().replace(/^x-/, ""))
    .filter((one) => !noCodings.has(one));

/** Whether a `content-encoding` header says that a body is coded at all. */
export const isCoded = (header: string | undefined): boolean => codingsOf(header ?? "").length > 0;

const undecoded = (why: "unknown" | "too large" | "broken", message: string): Decoded => ({
  kind: "undecoded",
  why,
  message,
});

/** Takes the codings that `content-encoding` names off a body, as long as it unfolds to at most `maxBytes`; never rejects. */
export const decodeBody = async (bytes: Buffer, header: string | undefined, maxBytes: number): Promise<Decoded> => {
  const codings = codingsOf(header ?? "");
  const known = codings.flatMap((coding) => (Object.hasOwn(decoders, coding) ? (decoders[coding] ?? []) : []));
  if (known.length < codings.length || codings.length > maxCodings)
    return undecoded("unknown", `it is in the content coding "${header?.slice(0, 100)}", known are ${knownCodings}`);
  let plain = bytes;
  try {
    for (const decode of known.toReversed()) if (plain.length > 0) plain = await decode(plain, maxBytes);
    return { kind: "decoded", bytes: plain };
  } catch (error) {
    if (isTooLarge(error)) return undecoded("too large", `it unfolds to more than ${maxBytes} bytes`);
    return undecoded("broken", `it is not in the content coding "${header}" that it claims`);
  }
};
