import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createSigner } from "#nervous-system/codecs/dsse.ts";
import {
  judgeEnd,
  judgeSignature,
  parseManifestKeys,
  wrongSignerAdvice,
} from "#pipeline/siphon/archive/manifest-keys.ts";
import {
  manifestBytes,
  noManifest,
  parseManifest,
  sha256Of,
  type Manifest,
  type ManifestHead,
} from "#pipeline/siphon/archive/manifest.ts";
import { Believed } from "./signed-files.ts";

const makeKey = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    signer: createSigner(privateKey.export({ format: "pem", type: "pkcs8" }).toString()),
    pem: publicKey.export({ format: "pem", type: "spki" }).toString(),
  };
};

const [older, newer, stranger] = [makeKey(), makeKey(), makeKey()];
const pem = `${older.pem}${newer.pem}`;
const signers = { unsigned: undefined, older: older.signer, newer: newer.signer, stranger: stranger.signer } as const;
type By = keyof typeof signers;

describe("the public keys", () => {
  it("are refused where one stands there twice, as after a rotation that was taken back, with what to do", () => {
    for (const [keys, first] of [
      [[older, newer, older], "public key 3 is public key 1"],
      [[older, older, newer], "public key 2 is public key 1"],
    ] as const) {
      const parse = () => parseManifestKeys(keys.map((key) => key.pem).join(""));
      expect(parse).toThrow(`${first} once more (${older.signer.keyId}): take one of them out`);
      expect(parse).toThrow("make a new one (openssl genpkey -algorithm ed25519)");
    }
  });

  it("are not to be followed by one that they have, where that is the private one's", () => {
    const { ids } = parseManifestKeys(pem);
    expect(wrongSignerAdvice(older.signer.keyId, ids)).toMatch(/^it was replaced.*make a new one/);
    expect(wrongSignerAdvice(stranger.signer.keyId, ids)).toBe("put its public key behind the others");
  });
});

const fileOf = (number: number): { key: string; sha256: string } => ({
  key: `file ${number}`,
  sha256: sha256Of(Buffer.from(`bytes ${number}`)),
});

const manifestOf = (number: number, previous: string, replaces?: string): Manifest => ({
  number,
  ...fileOf(number),
  cut: { stream: "s", from: number, to: number, hash: "h" },
  rows: 1,
  bytes: 1,
  previous,
  ...(replaces === undefined ? {} : { replaces }),
});

/** A chain of manifests, one for each of the names of who signs it. */
const chainOf = (by: readonly By[]): Buffer[] => {
  let previous = noManifest.sha256;
  return by.map((name, at) => {
    const bytes = manifestBytes(manifestOf(at + 1, previous), signers[name]);
    previous = sha256Of(bytes);
    return bytes;
  });
};

const believing = (chain: readonly Buffer[], lastUnsigned?: string): ((number: number) => string) => {
  const believed = new Believed(parseManifestKeys(pem, lastUnsigned));
  chain.forEach((bytes, at) => believed.take(at + 1, bytes));
  return (number) => {
    const { key, sha256 } = fileOf(number);
    return believed.wordOf(key, sha256).kind;
  };
};

const faultsOf = (chain: readonly Buffer[], lastUnsigned?: string): number[] => {
  const keys = parseManifestKeys(pem, lastUnsigned);
  let [reached, head]: [number, ManifestHead] = [0, noManifest];
  const faults: number[] = [];
  chain.forEach((bytes, at) => {
    const judged = judgeSignature(keys, parseManifest(bytes)!, { reached, head });
    if (judged.fault !== undefined) faults.push(at + 1);
    ({ reached } = judged);
    head = { number: at + 1, sha256: sha256Of(bytes) };
  });
  if (judgeEnd(keys, reached, head) !== undefined) faults.push(0);
  return faults;
};

const times = (count: number, by: By): By[] => Array.from({ length: count }, () => by);

describe("a chain of manifests", () => {
  it("is believed whole that begins without signatures and goes on by newer and newer keys", () => {
    const counts = fc.tuple(fc.nat(3), fc.nat(3), fc.integer({ min: 1, max: 3 }));
    fc.assert(
      fc.property(counts, ([none, first, second]) => {
        const by = [...times(none, "unsigned"), ...times(first, "older"), ...times(second, "newer")];
        const chain = chainOf(by);
        expect(faultsOf(chain)).toEqual([]);
        expect(by.map((_, at) => believing(chain)(at + 1))).toEqual(by.map(() => "signed"));
      }),
    );
  });

  it("has a fault wherever one is not signed as it must be by then, whose file alone is refused", () => {
    const names = fc.array(fc.constantFrom<By>("unsigned", "older", "newer", "stranger"), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(names, (by) => {
        const rank = { unsigned: 0, older: 1, newer: 2, stranger: -1 } as const;
        let reached = 0;
        const wrong = by.flatMap((name, at) => {
          const isWrong = rank[name] < reached || name === "stranger";
          if (!isWrong) reached = rank[name];
          return isWrong ? [at + 1] : [];
        });
        const chain = chainOf(by);
        expect(faultsOf(chain)).toEqual([...wrong, ...(reached < 2 ? [0] : [])]);
        const isSigned = reached > 0;
        const words = by.map((name, at) => {
          if (wrong.includes(at + 1)) return "refused";
          return name === "unsigned" && !isSigned ? "refused" : "signed";
        });
        expect(by.map((_, at) => believing(chain)(at + 1))).toEqual(words);
      }),
    );
  });

  it("is not believed in what somebody put in the place of its beginning", () => {
    const chain = chainOf(["unsigned", "unsigned", "unsigned", "newer"]);
    const forged = [
      ...chainOf(["unsigned", "unsigned"]).map((_, at) => chain[at]!),
      manifestBytes(manifestOf(3, "0".repeat(64))),
    ];
    const wordOf = believing([...forged, chain[3]!]);
    expect([1, 2, 3, 4].map(wordOf)).toEqual(["refused", "refused", "refused", "signed"]);
  });

  it("begins behind the manifest that is named as the last without a signature", () => {
    const chain = chainOf(["unsigned", "unsigned", "newer"]);
    const last = sha256Of(chain[1]!);
    expect(faultsOf(chain, last)).toEqual([]);
    expect(faultsOf(chain, sha256Of(chain[0]!))).toEqual([3]);
    expect(faultsOf(chainOf(["newer"]), "0".repeat(64))).toEqual([]);
    expect(faultsOf(chainOf(["unsigned", "newer"]), "0".repeat(64))).toEqual([2]);
    expect([1, 2, 3].map(believing(chain, "0".repeat(64)))).toEqual(["refused", "refused", "signed"]);
  });

  it("takes a file whose bytes are others for nobody's, and one that was replaced for replaced", () => {
    const believed = new Believed(parseManifestKeys(pem));
    const first = manifestBytes(manifestOf(1, noManifest.sha256), newer.signer);
    believed.take(1, first);
    believed.take(2, manifestBytes(manifestOf(2, sha256Of(first), "file 1"), newer.signer));
    const { key, sha256 } = fileOf(1);
    expect(believed.wordOf(key, sha256)).toEqual({ kind: "replaced" });
    expect(believed.wordOf("file 2", sha256)).toEqual({
      kind: "refused",
      isKnown: false,
      why: "no signed manifest says that these are its bytes",
    });
  });
});
