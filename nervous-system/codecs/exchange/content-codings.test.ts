import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { decodeBody, isCoded } from "./content-codings.ts";

const plain = Buffer.from(JSON.stringify({ said: "é".repeat(10_000) }));
const codings: ReadonlyArray<readonly [header: string | undefined, bytes: Buffer]> = [
  ["gzip", gzipSync(plain)],
  ["x-gzip", gzipSync(plain)],
  ["GZIP, identity", gzipSync(plain)],
  ["deflate", deflateSync(plain)],
  ["deflate", deflateRawSync(plain)],
  ["br", brotliCompressSync(plain)],
  ["zstd", zstdCompressSync(plain)],
  ["gzip, br", brotliCompressSync(gzipSync(plain))],
  ["identity", plain],
  [undefined, plain],
  // No codings, though some servers write them there.
  ["none", plain],
  ["utf-8", plain],
];

const whole = (maxBytes: number) => ({ maxBytes, isWhole: true });

describe("a body in a content coding", () => {
  it.each(codings)("%s is decoded", async (header, bytes) => {
    expect(await decodeBody(bytes, header, whole(plain.length))).toEqual({ kind: "decoded", bytes: plain });
  });

  it.each(codings.slice(0, 7))("%s is not decoded beyond its bound: there are bombs", async (header, bytes) => {
    expect(await decodeBody(bytes, header, whole(plain.length - 1))).toMatchObject({
      kind: "undecoded",
      why: "too large",
    });
  });

  it.each(codings.slice(0, 7))("%s is read as far as it came where it was cut", async (header, bytes) => {
    const read = await decodeBody(bytes.subarray(0, -4), header, { maxBytes: plain.length, isWhole: false });
    // Of zstd it is one block, and none of it came.
    const came = read.kind === "decoded" ? read.bytes : Buffer.alloc(0);
    expect(came.length > 0 && plain.subarray(0, came.length).equals(came)).toBe(header !== "zstd");
  });

  it.each(codings.slice(0, 7))("%s is said to break off where it should be whole", async (header, bytes) => {
    for (const end of [-4, 12])
      expect(await decodeBody(bytes.subarray(0, end), header, whole(plain.length))).toEqual({
        kind: "undecoded",
        why: "broken",
        message: `its content coding "${header}" breaks off`,
      });
  });

  it("says so where it was cut before it held anything", async () => {
    const cut = { maxBytes: plain.length, isWhole: false };
    expect(await decodeBody(gzipSync(plain).subarray(0, 12), "gzip", cut)).toMatchObject({ why: "broken" });
  });

  it.each(["gzip", "deflate", "br", "zstd"])("%s is said to be broken where it is another", async (header) => {
    expect(await decodeBody(plain, header, whole(plain.length))).toMatchObject({ kind: "undecoded", why: "broken" });
  });

  it.each(["compress", "constructor", "gzip, gzip, gzip, gzip"])("%s is said to be unknown", async (header) => {
    expect(await decodeBody(plain, header, whole(1))).toMatchObject({
      why: "unknown",
      message: `it is in the content coding "${header}", known are gzip, deflate, br, zstd`,
    });
  });

  it("is not taken for its first zstd frame alone where there are more", async () => {
    const two = Buffer.concat([zstdCompressSync("first,"), zstdCompressSync("second")]);
    expect(await decodeBody(two, "zstd", whole(1000))).toMatchObject({ kind: "undecoded", why: "broken" });
  });

  it("may be empty", async () => {
    expect(await decodeBody(Buffer.alloc(0), "gzip", whole(1))).toMatchObject({ kind: "decoded" });
  });

  it("is told apart from one that is not", () => {
    expect([undefined, "", "identity", "gzip", "odd"].map(isCoded)).toEqual([false, false, false, true, true]);
  });
});
