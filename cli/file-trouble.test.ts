import { describe, expect, it } from "@jest/globals";
import { fileTrouble, readTrouble } from "./file-trouble.ts";

describe("what went wrong with a file", () => {
  it.each([
    ["EACCES", "you may not read it", "you may not write there"],
    ["ENOENT", "the file does not exist", "the directory does not exist"],
    ["ENOTDIR", "a part of the path is a file", "a part of the path is a file"],
    ["EIO", "EIO: i/o error", "EIO: i/o error"],
  ])("%s is told in words of reading or of writing", (code, read, written) => {
    const error = Object.assign(new Error("EIO: i/o error"), { code });
    expect([readTrouble(error), fileTrouble(error)]).toEqual([read, written]);
  });
});
