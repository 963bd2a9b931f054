import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createSigner, isSignedBy, parsePublicKeys, preAuthEncoding, type DsseEnvelope } from "./dsse.ts";

const pemOf = (key: KeyObject): string =>
  key.export({ format: "pem", type: key.type === "private" ? "pkcs8" : "spki" }).toString();

const pair = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { signer: createSigner(pemOf(privateKey)), pem: pemOf(publicKey) };
};

/** What `genSelfSignedCertWithKey` of the chart makes of an Ed25519 key. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBNzCB6qADAgECAhEAsEVX7guZ5uF/bdJmClxuOzAFBgMrZXAwHDEaMBgGA1UE
AxMRZW5jaGFudGVkLWFyY2hpdmUwIBcNMjYxMjAxMDExMTA0WhgPMjEyNjExMDcw
MTExMDRaMBwxGjAYBgNVBAMTEWVuY2hhbnRlZC1hcmNoaXZlMCowBQYDK2VwAyEA
Z7V4fzI90EWhtlAOAay/jHMyKiRSZcKPrMYRrrOKPwOjPzA9MA4GA1UdDwEB/wQE
AwIFoDAdBgNVHSUEFjAUBggrBgEFBQcDAQYIKwYBBQUHAwIwDAYDVR0TAQH/BAIw
ADAFBgMrZXADQQCTiLWIWeq1lVOWSa7bqI4uLXowu/Pj8C7EmoV8bY1LM35VGZRk
ERqzwJZEOLFkrej92N99oHWQuqSIbSV6FekC
-----END CERTIFICATE-----
`;

describe("an envelope", () => {
  it("signs what DSSE says", () => {
    expect(preAuthEncoding("http://example.com/HelloWorld", Buffer.from("hello world")).toString()).toBe(
      "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
    );
  });

  it("is signed by its key and no other, and by none once type, payload or signature is another", () => {
    const [one, other] = [pair(), pair()];
    const [key, stranger] = [parsePublicKeys(one.pem)[0]!, parsePublicKeys(other.pem)[0]!];
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.nat(),
        (type, body, at) => {
          const envelope = one.signer.sign(type, body);
          expect(isSignedBy(envelope, key)).toBe(true);
          expect(isSignedBy(envelope, stranger)).toBe(false);
          const flip = (base64: string): string => {
            const bytes = Buffer.from(base64, "base64");
            bytes[at % bytes.length]! ^= 1;
            return bytes.toString("base64");
          };
          const [{ keyid, sig }] = envelope.signatures as [DsseEnvelope["signatures"][number]];
          for (const changed of [
            { ...envelope, payloadType: `${type}x` },
            { ...envelope, payload: flip(envelope.payload) },
            { ...envelope, signatures: [{ keyid, sig: flip(sig) }] },
            { ...envelope, signatures: other.signer.sign(type, body).signatures.map((of) => ({ ...of, keyid })) },
          ])
            expect(isSignedBy(changed, key)).toBe(false);
        },
      ),
    );
  });
});

describe("keys", () => {
  it("are read in their order, of certificates too", () => {
    const [one, two] = [pair(), pair()];
    const ids = parsePublicKeys(`# older\n${one.pem}${certificate}${two.pem}`).map(({ keyId }) => keyId);
    expect([ids[0], ids[2]]).toEqual([one.signer.keyId, two.signer.keyId]);
    expect(ids[1]).toMatch(/^[0-9a-f]{64}$/);
  });

  it("are refused where they are of another kind, or none", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(() => createSigner(pemOf(privateKey))).toThrow("the private key is of type ec, not ed25519");
    expect(() => parsePublicKeys(pemOf(publicKey))).toThrow("public key 1 is of type ec, not ed25519");
    expect(() => parsePublicKeys("nothing")).toThrow("there is no public key in it");
    expect(() => createSigner("nothing")).toThrow("the private key cannot be read");
  });
});
