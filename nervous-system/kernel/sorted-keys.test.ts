import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { hasKey, KEY_BYTES, sortKeys, unionOfKeys } from "./sorted-keys.ts";

const key = fc
  .uint8Array({ minLength: KEY_BYTES, maxLength: KEY_BYTES })
  .map((bytes) => Buffer.from(bytes).toString("hex"));

describe("sorted keys", () => {
  it("hold what a set of them holds, in one list or two", () => {
    fc.assert(
      fc.property(fc.array(key), fc.array(key), fc.array(key), fc.nat(), (a, b, others, n) => {
        const both = [...a, ...b, ...a.slice(0, n % 5)];
        const wanted = new Set(both);
        const keys = unionOfKeys(sortKeys(a), sortKeys([...b, ...a.slice(0, n % 5)]));
        expect(keys.length).toBe(wanted.size * KEY_BYTES);
        expect(keys.equals(sortKeys(both))).toBe(true);
        for (const one of [...both, ...others]) expect(hasKey(keys, one)).toBe(wanted.has(one));
      }),
    );
  });

  it("are none at the beginning", () => {
    expect(hasKey(sortKeys([]), "0".repeat(KEY_BYTES * 2))).toBe(false);
    expect(unionOfKeys(sortKeys([]), sortKeys([])).length).toBe(0);
  });
});
