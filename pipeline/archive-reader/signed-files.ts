import { createHash } from "node:crypto";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { judgeSignature, type ManifestKeys } from "#pipeline/siphon/archive/manifest-keys.ts";
import { noManifest, parseManifest, sha256Of, type Manifest } from "#pipeline/siphon/archive/manifest.ts";
import { readManifests } from "#pipeline/siphon/archive/read-manifests.ts";

/** What signed manifests say of a file: that these are its bytes, that another one is in its place, or nothing that counts, and why. */
export type FileWord =
  | { readonly kind: "signed" | "replaced" }
  | { readonly kind: "refused"; readonly why: string; readonly isKnown: boolean };

/** The files that signed manifests speak of. */
export type SignedFiles = {
  /** Takes the manifests that were written since it was last called. */
  readOn(): Promise<void>;
  /** What is said of a file with these bytes. */
  wordOf(key: string, bytes: Uint8Array): FileWord;
  /** Whether a file with these bytes was written by whom the manifests are believed of, replaced since or not. */
  vouchesFor(key: string, bytes: Uint8Array): boolean;
  /** Whether another file is in the place of one. */
  isReplaced(key: string): boolean;
};

/** Reasons that are kept: the log of an import names no more. */
const MAX_REASONS = 1000;

/** Sixteen bytes that stand for a name, and for what is below it: 53 bytes of heap a file. */
const fingerprint = (...parts: readonly string[]): string =>
  createHash("sha256").update(parts.join("\0")).digest().subarray(0, 16).toString("latin1");

/** What is believed of manifests as they come, from the first to the last. */
export class Believed {
  readonly #keys: ManifestKeys;
  readonly #named = new Set<string>();
  readonly #replaced = new Set<string>();
  readonly #refused = new Map<string, string>();
  /** Of those without a signature that no signed one followed yet. */
  #waiting: Manifest[] = [];
  #at = { head: noManifest, reached: 0 };

  constructor(keys: ManifestKeys) {
    this.#keys = keys;
  }

  /** Number of the last one that was taken. */
  get last(): number {
    return this.#at.head.number;
  }

  /** Takes the next one in the order of numbers. */
  take(number: number, bytes: Uint8Array): void {
    const { head, reached } = this.#at;
    const stored = parseManifest(bytes);
    const after = { number, sha256: sha256Of(bytes) };
    if (stored === undefined) {
      this.#waiting = [];
      this.#at = { head: after, reached };
      return;
    }
    const { manifest } = stored;
    const isNext = number === head.number + 1 && manifest.number === number && manifest.previous === head.sha256;
    if (!isNext) this.#waiting = [];
    const judged = judgeSignature(this.#keys, stored, this.#at);
    this.#at = { head: after, reached: judged.reached };
    if (judged.word === "refused") this.#refuse(manifest.key, `its manifest ${number} ${judged.fault}`);
    else if (judged.word === "unsigned") this.#waiting.push(manifest);
    else {
      // What stands before the first signature is believed by what that covers.
      if (judged.fault === undefined) this.#waiting.forEach((one) => this.#believe(one));
      this.#waiting = [];
      this.#believe(manifest);
    }
  }

  wordOf(key: string, sha256: string): FileWord {
    if (this.isReplaced(key)) return { kind: "replaced" };
    if (this.vouchesFor(key, sha256)) return { kind: "signed" };
    const why = this.#refused.get(key);
    if (why !== undefined) return { kind: "refused", why, isKnown: true };
    if (this.#waiting.length > 0 && this.#at.reached === 0)
      return { kind: "refused", why: "no manifest has a signature", isKnown: true };
    return { kind: "refused", why: "no signed manifest says that these are its bytes", isKnown: false };
  }

  vouchesFor(key: string, sha256: string): boolean {
    return this.#named.has(fingerprint(key, sha256));
  }

  isReplaced(key: string): boolean {
    return this.#replaced.has(fingerprint(key));
  }

  #believe({ key, sha256, replaces }: Manifest): void {
    this.#named.add(fingerprint(key, sha256));
    if (replaces !== undefined) this.#replaced.add(fingerprint(replaces));
  }

  #refuse(key: string, why: string): void {
    if (this.#refused.size < MAX_REASONS) this.#refused.set(key, why);
  }
}

/** Creates the files of an archive of which nothing was read yet. */
export const createSignedFiles = (client: Pick<ObjectClient, "list" | "get">, keys: ManifestKeys): SignedFiles => {
  const believed = new Believed(keys);
  return {
    readOn: async () => {
      for await (const { number, bytes } of readManifests(client, believed.last)) believed.take(number, bytes);
    },
    wordOf: (key, bytes) => believed.wordOf(key, sha256Of(bytes)),
    vouchesFor: (key, bytes) => believed.vouchesFor(key, sha256Of(bytes)),
    isReplaced: (key) => believed.isReplaced(key),
  };
};
