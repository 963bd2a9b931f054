import { gzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { describeUnreadable } from "./unreadable.ts";

describe("an answer that should be JSON", () => {
  it.each([
    ["", "is empty"],
    [gzipSync('{"id":"a"}').toString("utf8"), "is gzip, though no content-encoding says so"],
    ['{"id":"a","choices":[{"mess', "is JSON that is broken, breaks off or has too many values"],
    ["\n<!DOCTYPE html>\n<html><head><title>Sign\n in</title></head></html>", "is a web page, no JSON: Sign in"],
    ["<html><body>hello</body></html>", "is a web page, no JSON: <html><body>hello</body></html>"],
    ["<?xml version='1.0'?><a/>", "is no JSON: <?xml version='1.0'?><a/>"],
    ["upstream said\n no", "is no JSON: upstream said no"],
    [Buffer.from([0xff, 0xfb, 0x90, 0]).toString("utf8"), "is binary, no JSON"],
  ])("%j is told to be something else", (text, what) => {
    expect(describeUnreadable(text)).toBe(what);
  });

  it("is told in a line, and is JSON where it is", () => {
    expect(describeUnreadable("x ".repeat(1_000_000))?.length).toBeLessThan(300);
    expect(describeUnreadable('{"a":1}')).toBeUndefined();
    expect(describeUnreadable("null")).toBeUndefined();
  });
});
