import { pipeline, type Duplex, type Readable } from "node:stream";
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createGunzip,
  createGzip,
  createInflate,
  createZstdCompress,
  createZstdDecompress,
} from "node:zlib";
import { ClickHouseException } from "./exception.ts";

const DECODERS: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

const LEVEL = 3;
const ENCODERS: Readonly<Record<string, () => Duplex>> = {
  br: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: LEVEL } }),
  gzip: () => createGzip({ level: LEVEL }),
  deflate: () => createDeflate({ level: LEVEL }),
  zstd: () => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }),
};

/** A request's body without its Content-Encoding; throws UNKNOWN_COMPRESSION_METHOD (89) for one that is not known. */
export const decoded = (body: Readable, encoding: string | undefined): Readable => {
  if (encoding === undefined || encoding === "" || encoding === "identity") return body;
  const decoder = DECODERS[encoding.toLowerCase()];
  if (decoder === undefined)
    throw new ClickHouseException(
      89,
      "UNKNOWN_COMPRESSION_METHOD",
      `Content-Encoding ${encoding} is not supported: use ${Object.keys(DECODERS).join(", ")}`,
    );
  // pipeline, not pipe: a body that breaks off must fail, not look like a shorter one.
  return pipeline(body, decoder(), () => {});
};

/** The encoding to answer in: the first of ours that the client accepts, when the query enabled compression. */
export const negotiate = (accept: string | undefined, enabled: boolean): string | undefined => {
  if (!enabled || accept === undefined) return undefined;
  const accepted = accept.split(",").map((item) => item.split(";")[0]?.trim().toLowerCase());
  return Object.keys(ENCODERS).find((name) => accepted.includes(name));
};

/** The compressor of a negotiated encoding; undefined for none. */
export const encoder = (encoding: string | undefined): Duplex | undefined =>
  encoding === undefined ? undefined : ENCODERS[encoding]?.();
