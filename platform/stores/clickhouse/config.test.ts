import { describe, expect, it } from "@jest/globals";
import { configSchema, usersOf } from "./config.ts";

describe("the users of the server", () => {
  it("are the one who may do everything, and one who only reads where he has a password", () => {
    const account = { CLICKHOUSE_USER: "enchanted", CLICKHOUSE_PASSWORD: "a" };
    expect(usersOf(configSchema.parse(account))).toEqual({ enchanted: { password: "a" } });
    expect(usersOf(configSchema.parse({ ...account, CLICKHOUSE_READER_PASSWORD: "b" }))).toEqual({
      enchanted: { password: "a" },
      enchanted_reader: { password: "b", readonly: true },
    });
  });
});
