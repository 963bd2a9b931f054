import { createHash } from "node:crypto";
import * as z from "zod";
import { dsseEnvelope, type DsseEnvelope, type Signer } from "#nervous-system/codecs/dsse.ts";
import { zeroHash } from "#nervous-system/schemas/chain.ts";
import { parseJson } from "./read-object.ts";

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** A cut as manifests and files tell it. */
export const cutSchema = z.object({ stream: z.string(), from: count, to: count, hash: z.string() });

const manifestSchema = z.object({
  /** From 1, one more than that of the manifest before. */
  number: count.min(1),
  /** Name of the file in the bucket. */
  key: z.string().min(1),
  cut: cutSchema,
  /** Name of the file in whose place it is, since something of that was erased; absent of every other one. */
  replaces: z.string().min(1).optional(),
  /** Frames in the file. */
  rows: count,
  bytes: count,
  sha256: digest,
  /** sha256 of the bytes of the manifest before, zeros in the first. */
  previous: digest,
});

/** What is said of one file of the archive, chained to what was said of the one before. */
export type Manifest = z.infer<typeof manifestSchema>;

/** Where the chain of manifests ends. */
export type ManifestHead = { readonly number: number; readonly sha256: string };

/** The end of a chain without manifests. */
export const noManifest: ManifestHead = { number: 0, sha256: zeroHash };

/** sha256 of bytes, 64 hex digits. */
export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What a signature of a manifest says that it is about. */
const PAYLOAD_TYPE = "application/vnd.enchanted-swarm.archive-manifest.v1+json";

/** A manifest as it lies in the bucket: by itself, as an older release wrote it, or in an envelope that says who signed it. */
export type StoredManifest = { readonly manifest: Manifest; readonly envelope?: DsseEnvelope };

/** Reads the bytes of a manifest; undefined where they are none. What signatures are worth `ManifestKeys` says. */
export const parseManifest = (bytes: Uint8Array | undefined): StoredManifest | undefined => {
  const value = parseJson(bytes);
  const { data: envelope } = dsseEnvelope.safeParse(value);
  if (envelope === undefined) {
    const { data: manifest } = manifestSchema.safeParse(value);
    return manifest && { manifest };
  }
  if (envelope.payloadType !== PAYLOAD_TYPE) return undefined;
  const { data: manifest } = manifestSchema.safeParse(parseJson(Buffer.from(envelope.payload, "base64")));
  return manifest && { manifest, envelope };
};

/** The bytes of a manifest, which the next one's `previous` covers: in a signed envelope where there is a key. */
export const manifestBytes = (manifest: Manifest, signer?: Pick<Signer, "sign">): Buffer => {
  const body = Buffer.from(JSON.stringify(manifest));
  return signer === undefined ? body : Buffer.from(JSON.stringify(signer.sign(PAYLOAD_TYPE, body)));
};
