import { createHash } from "node:crypto";
import * as z from "zod";
import { zeroHash } from "#nervous-system/schemas/chain.ts";

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

/** Reads the value of a manifest; undefined where it is none. */
export const parseManifest = (value: unknown): Manifest | undefined => manifestSchema.safeParse(value).data;

/** The bytes of a manifest, which the next one's `previous` covers. */
export const manifestBytes = (manifest: Manifest): Buffer => Buffer.from(JSON.stringify(manifest));
