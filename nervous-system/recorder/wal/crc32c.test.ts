import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";

const bitwise = (data: Uint8Array): number => {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
};

describe("crc32c", () => {
  it("gives the check value of the catalogue and the vectors of RFC 3720 B.4", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  it("equals division bit by bit, and continues from a seed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (data, cut) => {
        const middle = Math.min(cut, data.length);
        expect(crc32c(data)).toBe(bitwise(data));
        expect(crc32c(data, middle, data.length, crc32c(data, 0, middle))).toBe(bitwise(data));
      }),
    );
  });
});
