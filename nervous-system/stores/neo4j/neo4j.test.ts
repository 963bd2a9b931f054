import { describe, expect, it } from "@jest/globals";
import { readAddress } from "./address.ts";
import { toNeo4jFailure } from "./failure.ts";
import { asParameters } from "./parameters.ts";

describe("readAddress", () => {
  it.each([
    ["bolt://a:7687", undefined, "bolt://a:7687", false],
    ["bolt://a:7687", "/ca.crt", "bolt://a:7687", true],
    ["bolt+s://a:7687", undefined, "bolt://a:7687", true],
    ["neo4j+s://a", "/ca.crt", "neo4j://a", true],
  ])("reads %s with CA %s", (url, caFile, plain, encrypted) => {
    expect(readAddress(url, caFile)).toEqual({ url: plain, encrypted });
  });

  it.each(["http://a:7474", "bolt+ssc://a:7687", "a:7687", "bolt://", ""])("refuses %s", (url) => {
    expect(() => readAddress(url, undefined)).toThrow(/no URL of Neo4j/);
  });
});

describe("asParameters", () => {
  it("makes integers of integers, at any depth, and leaves everything else", () => {
    expect(
      asParameters({ rows: [{ n: 1, of: [2] }], half: 0.5, huge: 1e300, text: "a", yes: true, none: null }),
    ).toEqual({ rows: [{ n: 1n, of: [2n] }], half: 0.5, huge: 1e300, text: "a", yes: true, none: null });
  });

  it("leaves out what is undefined, and mends what UTF-8 cannot hold", () => {
    expect(asParameters({ a: undefined, b: { c: undefined, d: "\ud800" } })).toEqual({ b: { d: "\ufffd" } });
  });
});

describe("toNeo4jFailure", () => {
  it.each([
    ["Neo.ClientError.Statement.TypeError", "data"],
    ["Neo.ClientError.Schema.ConstraintValidationFailed", "passing"],
    ["Neo.TransientError.General.MemoryPoolOutOfMemoryError", "limit"],
    ["Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", "limit"],
    ["Neo.ClientError.Transaction.LockClientStopped", "passing"],
    ["Neo.ClientError.Schema.IndexNotFound", "schema"],
    ["ServiceUnavailable", "passing"],
    [undefined, "passing"],
  ])("takes %s for %s", (code, kind) => {
    expect(toNeo4jFailure({ code, message: "m" })).toMatchObject({ kind, message: `Neo4j (${code}): m` });
  });

  it("leaves a failure as it is", () => {
    const failure = toNeo4jFailure("away");
    expect(toNeo4jFailure(failure)).toBe(failure);
  });
});
