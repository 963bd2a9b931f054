import { isSignedBy, parsePublicKeys, type PublicKey } from "#nervous-system/codecs/dsse.ts";
import type { ManifestHead, StoredManifest } from "./manifest.ts";

/**
 * Who signed a manifest: `by` is the place of the key among those that are trusted, 1 the oldest, and 0 for nobody.
 * Undefined: a signature is wrong, or of a key that nobody trusts.
 */
type SignedBy = number | undefined;

/** The public keys that manifests are held to. */
export type ManifestKeys = {
  /** Place of the newest key. */
  readonly newest: number;
  /** What each is called by, oldest first. */
  readonly ids: readonly string[];
  /** See `SignedBy`. */
  signedBy(stored: StoredManifest): SignedBy;
  /** sha256 of the last manifest that may be without a signature; undefined where any may, before the first that has one. */
  readonly lastUnsigned?: string | undefined;
};

/** What to do where a key must sign that was replaced. */
const aNewKey =
  "make a new one (openssl genpkey -algorithm ed25519) and put its public key behind all others, or go on with the private key of the last";

// One key in two places: what it signed in the first would be going back.
const mustBeOnce = (keys: readonly PublicKey[]): void => {
  const ids = keys.map(({ keyId }) => keyId);
  const again = ids.findIndex((id, at) => ids.indexOf(id) !== at);
  if (again < 0) return;
  throw new Error(
    `public key ${again + 1} is public key ${ids.indexOf(ids[again]!) + 1} once more (${ids[again]}): take one of them out, and leave the other where it stood when it signed. A key that was replaced cannot be taken back, nobody believes what it signs: ${aNewKey}`,
  );
};

/** What to do about a private key that is not that of the last public one. */
export const wrongSignerAdvice = (signerId: string, ids: readonly string[]): string =>
  ids.includes(signerId)
    ? `it was replaced, and nobody believes what it signs: ${aNewKey}`
    : "put its public key behind the others";

/** Reads the keys of a PEM text, oldest first; throws where there is none, one is not of Ed25519, or one stands there twice. */
export const parseManifestKeys = (pem: string, lastUnsigned?: string): ManifestKeys => {
  const keys = parsePublicKeys(pem);
  mustBeOnce(keys);
  return {
    newest: keys.length,
    ids: keys.map(({ keyId }) => keyId),
    signedBy: ({ envelope }) => {
      if (envelope === undefined) return 0;
      // The newest first, which most of a chain is signed by.
      const at = keys.findLastIndex((key) => isSignedBy(envelope, key));
      return at < 0 ? undefined : at + 1;
    },
    lastUnsigned,
  };
};

/** The highest place of a key that a chain was signed by so far; 0 while nothing was. */
export type ReachedKey = number;

/** What a manifest's signature is worth, what is wrong with it, and what its chain has reached with it. */
type SignatureJudgement =
  | { readonly word: "signed"; readonly fault?: string; readonly reached: ReachedKey }
  | { readonly word: "unsigned"; readonly fault?: undefined; readonly reached: ReachedKey }
  | { readonly word: "refused"; readonly fault: string; readonly reached: ReachedKey };

/** How many of an envelope's key ids are named: all of an honest one. */
const idsOf = ({ envelope }: StoredManifest): string =>
  (envelope?.signatures ?? []).map(({ keyid }) => JSON.stringify(keyid.slice(0, 64))).join(", ");

/**
 * Holds the signature of the next manifest of a chain to those before it:
 *
 *     unsigned* , then signed by key 1* , then by key 2* , … , and never back
 *
 * so that nobody goes on with a chain by a key that was replaced, or without one.
 */
export const judgeSignature = (
  keys: ManifestKeys,
  stored: StoredManifest,
  { reached, head }: { readonly reached: ReachedKey; readonly head: ManifestHead },
): SignatureJudgement => {
  const refused = (fault: string): SignatureJudgement => ({ word: "refused", reached, fault });
  const by = keys.signedBy(stored);
  if (by === undefined)
    return refused(`has a signature that is wrong, or of a key that is not trusted (${idsOf(stored)})`);
  if (by === 0)
    return reached === 0
      ? { word: "unsigned", reached }
      : refused("has no signature, although manifests before it have one");
  if (by < reached) return refused(`is signed by an older key than manifests before it (${idsOf(stored)})`);
  const isBeginning = reached > 0 || keys.lastUnsigned === undefined || head.sha256 === keys.lastUnsigned;
  if (isBeginning) return { word: "signed", reached: by };
  const fault = "is the first with a signature, and does not follow the manifest that archive.lastUnsigned names";
  return { word: "signed", reached: by, fault };
};

/** What is wrong with the end of a chain: cut off before the first signature of the newest key, it would look like one of before. */
export const judgeEnd = (keys: ManifestKeys, reached: ReachedKey, { number }: ManifestHead): string | undefined => {
  if (number === 0 || reached >= keys.newest) return undefined;
  return `no manifest is signed by the newest key (${keys.ids.at(-1) ?? "none"}), which the siphon does when it starts`;
};
