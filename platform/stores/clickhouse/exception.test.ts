import { describe, expect, it } from "@jest/globals";
import { asException, exceptionFrom, exceptionText, httpStatusOf } from "./exception.ts";

const WRAPPED =
  "Code: 73. DB::Exception: Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown format Foo. (UNKNOWN_FORMAT) (version 26.7.2.1). (UNKNOWN_FORMAT) (version 26.7.2.1). (UNKNOWN_FORMAT)";

describe("exceptions", () => {
  it.each([
    ["Code: 60. DB::Exception: Unknown table t. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "Unknown table t."],
    [WRAPPED, 73, "UNKNOWN_FORMAT", "Unknown format Foo."],
    [
      "Code: 27. DB::Exception: Cannot parse (x):\n(at row 2)\n. (CANNOT_PARSE_INPUT_ASSERTION_FAILED)",
      27,
      "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
      "Cannot parse (x):\n(at row 2)\n.",
    ],
    ["something else", 1002, "UNKNOWN_EXCEPTION", "something else"],
  ])("reads %j", (told, code, codeName, message) => {
    expect(exceptionFrom(told)).toMatchObject({ code, codeName, message });
  });

  it("writes the text that clients parse", () => {
    expect(exceptionText(exceptionFrom(WRAPPED), "26.7.2.1")).toBe(
      "Code: 73. DB::Exception: Unknown format Foo. (UNKNOWN_FORMAT) (version 26.7.2.1)",
    );
  });

  it("gives a full disk its code", () => {
    expect(asException(Object.assign(new Error("write"), { code: "ENOSPC" }))).toMatchObject({ code: 243 });
  });

  it.each([
    [62, 400],
    [60, 404],
    [516, 403],
    [159, 408],
    [48, 501],
    [210, 503],
    [241, 500],
  ])("answers code %i by status %i", (code, status) => {
    expect(httpStatusOf(code)).toBe(status);
  });
});
