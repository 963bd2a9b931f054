import { createHash, timingSafeEqual } from "node:crypto";
import type { SecretValue } from "#nervous-system/recorder/secret-values.ts";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/**
 * What stands among arguments in the secret's place, since every user of the machine can read them: it tells nothing of the
 * secret, and opens only what a program is told by arguments.
 */
export const inArguments = (secret: string): string => digest(secret).toString("hex").slice(0, secret.length);

/** Compares hashes, so that neither time nor length tells how much of a guess was right. */
export const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

/** Both, as what must not stand in a record. */
export const pathSecrets = (secret: string): SecretValue[] =>
  [secret, inArguments(secret)].map((value) => ({ name: "model-port", value }));
