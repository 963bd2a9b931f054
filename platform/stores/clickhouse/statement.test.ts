import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseInsertWithData } from "./insert-statement.ts";
import { stringLiteral } from "./sql-literal.ts";
import { isWord, tokensOf } from "./sql-tokens.ts";
import { parseStatement, selectIntoFile, withEngineQueryIds } from "./statement.ts";

const select = (sql: string): string => {
  const statement = parseStatement(sql);
  if (statement.kind !== "select") throw new Error(`${sql} was read as a command`);
  return selectIntoFile(statement, "/f", statement.format ?? "TSV")
    .replaceAll(/\s+/g, " ")
    .trim();
};

describe("parseStatement", () => {
  it.each([
    ["SELECT 1", "SELECT 1 INTO OUTFILE '/f' APPEND FORMAT TSV"],
    ["SELECT 1;;", "SELECT 1 INTO OUTFILE '/f' APPEND FORMAT TSV"],
    ["select 1 format csv", "select 1 INTO OUTFILE '/f' APPEND FORMAT csv"],
    ["SELECT 1 FORMAT CSV SETTINGS a = 1", "SELECT 1 INTO OUTFILE '/f' APPEND FORMAT CSV SETTINGS a = 1"],
    ["SELECT 1 AS format", "SELECT 1 AS format INTO OUTFILE '/f' APPEND FORMAT TSV"],
    ["SELECT format FROM t", "SELECT format FROM t INTO OUTFILE '/f' APPEND FORMAT TSV"],
    ["SELECT ';' -- ; FORMAT CSV", "SELECT ';' INTO OUTFILE '/f' APPEND FORMAT TSV"],
    ["SELECT $a$ ; FORMAT $a$ x", "SELECT $a$ ; FORMAT $a$ x INTO OUTFILE '/f' APPEND FORMAT TSV"],
    ["SELECT (SELECT 1 FORMAT)", "SELECT (SELECT 1 FORMAT) INTO OUTFILE '/f' APPEND FORMAT TSV"],
  ])("names the output file of %s", (sql, expected) => {
    expect(select(sql)).toBe(expected);
  });

  it.each([
    "SELECT 1; SELECT 2",
    "",
    "-- nothing",
    "SELECT 1 INTO OUTFILE 'x'",
    "WITH 1 AS a SELECT a into outfile 'x'",
  ])("refuses %j", (sql) => {
    expect(() => parseStatement(sql)).toThrow(expect.objectContaining({ code: 62 }));
  });

  it.each([
    ["CREATE TABLE t (a UInt8) ENGINE = Memory;", false],
    ["SHOW TABLES FORMAT JSON", false],
    ["INSERT INTO t SELECT 1", true],
  ])("runs %s as a command", (sql, insert) => {
    expect(parseStatement(sql)).toMatchObject({ kind: "command", insert });
  });
});

describe("parseInsertWithData", () => {
  const read = (sql: string) => {
    const insert = parseInsertWithData(sql);
    return insert && [insert.sqlFor("/f").replaceAll(/\s+/g, " ").trim(), sql.slice(insert.dataStart)];
  };

  it.each([
    [
      "INSERT INTO t FORMAT JSONEachRow\n{}",
      "INSERT INTO t FROM INFILE '/f' COMPRESSION 'none' FORMAT JSONEachRow",
      "{}",
    ],
    [
      "INSERT INTO t FORMAT RowBinary \n\n\u0001",
      "INSERT INTO t FROM INFILE '/f' COMPRESSION 'none' FORMAT RowBinary",
      "\n\u0001",
    ],
    [
      "insert into d.t (a, `values`) values (1, ';')",
      "insert into d.t (a, `values`) FROM INFILE '/f' COMPRESSION 'none' FORMAT Values",
      "(1, ';')",
    ],
    [
      "INSERT INTO t SETTINGS a = 1 FORMAT CSV 1",
      "INSERT INTO t FROM INFILE '/f' COMPRESSION 'none' SETTINGS a = 1 FORMAT CSV",
      "1",
    ],
    [
      "INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV 1",
      "INSERT INTO t SELECT a FROM file('/f', 'CSV', 'a Int8', 'none')",
      "1",
    ],
    ["INSERT INTO format FORMAT CSV 1", "INSERT INTO format FROM INFILE '/f' COMPRESSION 'none' FORMAT CSV", "1"],
    ["INSERT INTO t VALUES", "INSERT INTO t FROM INFILE '/f' COMPRESSION 'none' FORMAT Values", ""],
  ])("splits %j", (sql, statement, data) => {
    expect(read(sql)).toEqual([statement, data]);
  });

  it.each(["SELECT 1 FORMAT CSV", "INSERT INTO t SELECT 1", "INSERT INTO t SELECT 'FORMAT CSV'", "INSERT"])(
    "finds no data in %s",
    (sql) => {
      expect(read(sql)).toBeUndefined();
    },
  );
});

describe("SQL tokens", () => {
  it("cover any text without overlap and end", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("'", '"', "`", "\\", "a", "$", "-", "/", "*", "(", ")", "\n", "#", " ") }),
        (sql) => {
          let at = 0;
          for (const { start, end, text } of tokensOf(sql)) {
            expect(start).toBeGreaterThanOrEqual(at);
            expect(text).toBe(sql.slice(start, end));
            at = end;
          }
          expect(at).toBeLessThanOrEqual(sql.length);
        },
      ),
    );
  });

  it("read a literal back as one token, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const tokens = [...tokensOf(`${stringLiteral(text)} FORMAT`)];
        expect([tokens.length, tokens[0]?.kind, isWord(tokens[1], "FORMAT")]).toEqual([2, "string", true]);
      }),
    );
  });
});

describe("withEngineQueryIds", () => {
  it("replaces the ids that run and leaves the rest of the text", () => {
    const ids: Record<string, string> = { mine: "engine's" };
    expect(withEngineQueryIds("KILL QUERY WHERE query_id IN ('mine', 'other') -- 'mine'", (id) => ids[id])).toBe(
      "KILL QUERY WHERE query_id IN ('engine\\'s', 'other') -- 'mine'",
    );
  });
});
