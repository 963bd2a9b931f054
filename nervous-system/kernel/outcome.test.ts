import { describe, expect, it } from "@jest/globals";
import { assertNever } from "#nervous-system/kernel/outcome.ts";

describe("assertNever", () => {
  it("names the variant that reached it, for the case that types were bypassed", () => {
    expect(() => assertNever({ kind: "surprise" } as never)).toThrow('{"kind":"surprise"}');
  });
});
