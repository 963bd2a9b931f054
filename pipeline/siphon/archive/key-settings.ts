import { readFile } from "node:fs/promises";
import * as z from "zod";
import { createSigner } from "#nervous-system/codecs/dsse.ts";
import type { ManifestSigning } from "./manifest-chain.ts";
import { parseManifestKeys, wrongSignerAdvice, type ManifestKeys } from "./manifest-keys.ts";

/** What signatures of the archive's manifests are held to, for whoever reads it. */
export const publicKeySettings = z.object({
  ARCHIVE_PUBLIC_KEYS_FILE: z
    .string()
    .optional()
    .describe(
      "PEM file of the Ed25519 public keys of the archive's manifests, oldest first; without it no signature is looked at",
    ),
  ARCHIVE_LAST_UNSIGNED: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe(
      "sha256 of the last manifest that may be without a signature, zeros for none; without it any before the first signed one",
    ),
});

/** And for who writes it. */
export const signingKeySettings = publicKeySettings.extend({
  ARCHIVE_SIGNING_KEY_FILE: z
    .string()
    .optional()
    .describe(
      "PEM file of the Ed25519 private key that signs manifests, of the last of the public keys; without it none is signed",
    ),
});

const within = async <T>(file: string, read: (pem: string) => T): Promise<T> => {
  const pem = await readFile(file, "utf8");
  try {
    return read(pem);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
};

/** Reads the public keys that the settings name; undefined where they name none. */
export const readManifestKeys = async (
  settings: z.output<typeof publicKeySettings>,
): Promise<ManifestKeys | undefined> => {
  const { ARCHIVE_PUBLIC_KEYS_FILE: file, ARCHIVE_LAST_UNSIGNED: lastUnsigned } = settings;
  return file === undefined ? undefined : within(file, (pem) => parseManifestKeys(pem, lastUnsigned));
};

/** Reads the private key that the settings name; undefined where they name none. Rejects where it is not that of the newest public one. */
export const readManifestSigning = async (
  settings: z.output<typeof signingKeySettings>,
): Promise<ManifestSigning | undefined> => {
  const { ARCHIVE_SIGNING_KEY_FILE: file } = settings;
  if (file === undefined) return undefined;
  const [signer, keys] = [await within(file, createSigner), await readManifestKeys(settings)];
  const ids = keys?.ids ?? [];
  const newest = ids.at(-1) ?? "none";
  if (keys === undefined || newest !== signer.keyId) {
    const advice = wrongSignerAdvice(signer.keyId, ids);
    throw new Error(`the key in ${file} is ${signer.keyId}, the last public one ${newest}: ${advice}`);
  }
  return { signer, keys };
};
