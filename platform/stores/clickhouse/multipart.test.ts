import { describe, expect, it } from "@jest/globals";
import { parseMultipart } from "./multipart.ts";

const part = (boundary: string, name: string, value: string): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

describe("parseMultipart", () => {
  it("reads every field with the bytes it has", () => {
    const body = `${part("b", "query", "SELECT 1")}${part("b", "param_x", "é\r\n--c\r\n\r\n")}--b--\r\n`;
    expect(parseMultipart("multipart/form-data; boundary=b", Buffer.from(body))).toEqual([
      ["query", "SELECT 1"],
      ["param_x", "é\r\n--c\r\n\r\n"],
    ]);
  });

  it("refuses a body without a boundary", () => {
    expect(() => parseMultipart("multipart/form-data", Buffer.alloc(0))).toThrow(/boundary/);
  });
});
