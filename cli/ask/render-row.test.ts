import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { printableJson } from "../printable.ts";
import { renderCsv } from "./render-row.ts";
import { renderParquet } from "./write-parquet.ts";

/** RFC 4180, as a program reads it. */
const readCsv = (line: string): string[] => {
  const cells: string[] = [];
  for (const [, quoted, plain] of `,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g))
    cells.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
  return cells;
};

describe("a row", () => {
  it("is the same value as JSON, without what a terminal obeys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue())), (value) => {
        const text = printableJson(value);
        expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(value));
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
      }),
    );
    expect(printableJson("a\u202eb\u2066c\u{e0041}")).toBe(String.raw`"a\u202eb\u2066c\udb40\udc41"`);
  });

  it("is the same texts as CSV, without what a terminal obeys", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }), (texts) => {
        const obeyed = /\r(?!\n)|[^\P{Cc}\r\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
        const seen = texts
          .map((text) => text.replaceAll(obeyed, "\ufffd"))
          .map((text) => (/^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text));
        expect(readCsv(renderCsv(texts, false))).toEqual(seen);
      }),
    );
    expect(renderCsv(["a,b", 'say "x"', 7, null, true, ["a", "b"]], false)).toBe(
      '"a,b","say ""x""",7,,true,"[""a"",""b""]"',
    );
    expect(renderCsv(["\u001b[2Jx\u009b\u202ey", "two\r\nlines,\ta\rb", ["\u2066\u007f"]], false)).toBe(
      String.raw`�[2Jx��y,"two${"\r\n"}lines,${"\t"}a�b","[""\u2066\u007f""]"`,
    );
    expect(renderCsv(["\u001b[2Jx", "two\nlines"], true)).toBe("\ufffd[2Jx,two lines");
  });

  it("has no text in CSV that a spreadsheet would run, and its numbers as they are", () => {
    const texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "a=1", " =1", ""];
    expect(readCsv(renderCsv(texts, false))).toEqual([
      "'=1+1",
      "'+1",
      "'-1",
      "'@SUM(A1)",
      "'\t=1",
      "'＝1",
      "a=1",
      " =1",
      "",
    ]);
    expect(renderCsv([-1, -0.5, true, null, ["=1"], '=HYPERLINK("x")'], false)).toBe(
      `-1,-0.5,true,,"[""=1""]","'=HYPERLINK(""x"")"`,
    );
    expect(renderCsv(["=1", "\n=1"], true)).toBe("'=1, =1");
  });

  it("is read back from Parquet, nanoseconds and lists too", async () => {
    const columns = [
      { name: "at", kind: "time" },
      { name: "text", kind: "text" },
      { name: "rejected", kind: "texts" },
      { name: "place", kind: "count" },
      { name: "confidence", kind: "number" },
      { name: "fatal", kind: "flag" },
    ];
    const row = fc.record({
      at: fc.constantFrom("2026-11-30T04:00:00.123456789Z", "1970-01-01T00:00:00Z", null),
      text: fc.string({ unit: "grapheme" }),
      rejected: fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 }),
      place: fc.maxSafeNat(),
      confidence: fc.oneof(fc.constant(null), fc.double({ noNaN: true })),
      fatal: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
        const bytes = renderParquet(columns, rows);
        const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
        const read = rows.length === 0 ? [] : await parquetReadObjects({ file });
        expect(
          read.map(({ text, rejected, place, confidence, fatal }) => ({ text, rejected, place, confidence, fatal })),
        ).toEqual(
          rows.map(({ text, rejected, place, confidence, fatal }) => ({
            text,
            rejected,
            place: BigInt(place),
            confidence,
            fatal,
          })),
        );
        const metadata = parquetMetadata(file);
        expect(Number(metadata.num_rows)).toBe(rows.length);
        expect(parquetSchema(metadata).children.map(({ element }) => element.name)).toEqual(
          columns.map(({ name }) => name),
        );
        expect(read.map(({ at }) => (at === null ? null : new Date(at as Date).toISOString().slice(0, 19)))).toEqual(
          rows.map(({ at }) => (at === null ? null : at.slice(0, 19))),
        );
      }),
      { numRuns: 50 },
    );
  });
});
