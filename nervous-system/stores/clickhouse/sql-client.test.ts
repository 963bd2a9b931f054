import { describe, expect, it } from "@jest/globals";
import { toClickHouseFailure } from "./sql-client.ts";

describe("toClickHouseFailure", () => {
  it.each([
    [{ code: "159", message: "Timeout exceeded" }, "limit", "ClickHouse (159): Timeout exceeded"],
    [
      new Error("Code: 241. DB::Exception: Memory limit"),
      "limit",
      "ClickHouse (241): Code: 241. DB::Exception: Memory limit",
    ],
    [new Error("in row 7, Code: 241."), "passing", "ClickHouse (undefined): in row 7, Code: 241."],
    [{ code: "ECONNREFUSED", message: "Code: 60." }, "passing", "ClickHouse (ECONNREFUSED): Code: 60."],
  ])("takes the code of %j, or what stands before its text", (error, kind, message) => {
    expect(toClickHouseFailure(error)).toMatchObject({ kind, message });
  });

  it("leaves a failure as it is", () => {
    const failure = toClickHouseFailure({ code: "159", message: "Timeout exceeded" });
    expect(toClickHouseFailure(failure)).toBe(failure);
  });
});
