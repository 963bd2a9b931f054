import { describe, expect, it } from "@jest/globals";
import { boundPayload } from "./bounded.ts";

describe("a payload of a session", () => {
  it("that is large is cut, whatever its members are", () => {
    const text = "x".repeat(24_000);
    const cut = boundPayload({
      nothing: undefined,
      none: null,
      small: [1],
      texts: Array.from({ length: 10 }, () => text),
    });
    expect(cut).toEqual({
      nothing: undefined,
      none: null,
      small: [1],
      texts: expect.stringMatching(/^\["x{2998}… \(\d+ characters\)$/),
    });
  });
});
