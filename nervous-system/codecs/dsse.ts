import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import * as z from "zod";

/** Signatures of one envelope that are looked at; more than keys are rotated at once. */
const MAX_SIGNATURES = 8;
const MAX_KEY_ID = 256;

/** An envelope of DSSE v1 (secure-systems-lab/dsse): a payload in base64, and who signed it. */
export const dsseEnvelope = z.object({
  payloadType: z.string().min(1).max(256),
  payload: z.base64(),
  signatures: z
    .array(z.object({ keyid: z.string().max(MAX_KEY_ID), sig: z.base64().max(256) }))
    .min(1)
    .max(MAX_SIGNATURES),
});

/** See `dsseEnvelope`. */
export type DsseEnvelope = z.output<typeof dsseEnvelope>;

/** What DSSE signs: type and body with their lengths before them, so that none can be taken for a part of the other. */
export const preAuthEncoding = (payloadType: string, body: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${body.byteLength} `), body]);

/** Signs what it is given, with one key. */
export type Signer = {
  /** sha256 of the public key's SPKI, 64 hex digits. */
  readonly keyId: string;
  sign(payloadType: string, body: Uint8Array): DsseEnvelope;
};

/** A public key, and what it is called by. */
export type PublicKey = { readonly keyId: string; readonly key: KeyObject };

const keyIdOf = (key: KeyObject): string =>
  createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");

const mustBeEd25519 = (key: KeyObject, what: string): KeyObject => {
  if (key.asymmetricKeyType === "ed25519") return key;
  throw new Error(
    `${what} is of type ${key.asymmetricKeyType ?? "unknown"}, not ed25519: make one by openssl genpkey -algorithm ed25519`,
  );
};

const parsed = (read: () => KeyObject, what: string): KeyObject => {
  try {
    return read();
  } catch (error) {
    throw new Error(`${what} cannot be read: ${String(error)}`, { cause: error });
  }
};

/** Reads a private key, PEM (PKCS #8); throws where it is none of Ed25519. */
export const createSigner = (pem: string): Signer => {
  const what = "the private key";
  const key = mustBeEd25519(
    parsed(() => createPrivateKey(pem), what),
    what,
  );
  const keyId = keyIdOf(createPublicKey(key));
  return {
    keyId,
    sign: (payloadType, body) => ({
      payloadType,
      payload: Buffer.from(body).toString("base64"),
      signatures: [{ keyid: keyId, sig: sign(null, preAuthEncoding(payloadType, body), key).toString("base64") }],
    }),
  };
};

const BLOCK = /-----BEGIN (PUBLIC KEY|CERTIFICATE)-----[^-]+-----END \1-----/g;

/** Reads the public keys of a PEM text in their order, of certificates theirs; throws where there is none, or none of Ed25519. */
export const parsePublicKeys = (pem: string): PublicKey[] => {
  const keys = [...pem.matchAll(BLOCK)].map(([block], at) => {
    const what = `public key ${at + 1}`;
    const key = mustBeEd25519(
      parsed(() => createPublicKey(block), what),
      what,
    );
    return { keyId: keyIdOf(key), key };
  });
  if (keys.length === 0) throw new Error("there is no public key in it: PEM, PUBLIC KEY or CERTIFICATE");
  return keys;
};

/** Whether one of an envelope's signatures is a key's. */
export const isSignedBy = ({ payloadType, payload, signatures }: DsseEnvelope, { keyId, key }: PublicKey): boolean => {
  const signed = preAuthEncoding(payloadType, Buffer.from(payload, "base64"));
  return signatures.some(({ keyid, sig }) => keyid === keyId && verify(null, signed, key, Buffer.from(sig, "base64")));
};
