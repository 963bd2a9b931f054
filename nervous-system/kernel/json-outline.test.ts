import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseOutline } from "#nervous-system/kernel/json-outline.ts";

const long = (count: number, value = "0.5"): string => Array.from({ length: count }, () => value).join(",");

describe("the outline of JSON that holds very much", () => {
  it("is all of what holds little", () => {
    fc.assert(fc.property(fc.json(), (text) => expect(parseOutline(text)).toEqual(JSON.parse(text))));
  });

  it("has what is small, before and behind what is large", () => {
    const text = ` {"id" : "a", "data":[${long(20_000)}], "__proto__":[1], "n":-1.5e3 ,"usage":{"total":7}, "end":"\\"]"} `;
    expect(JSON.stringify(parseOutline(text))).toMatch(
      /^\{"id":"a","data":\[[0-9.,]+\],"__proto__":\[1\],"n":-1500,"usage":\{"total":7\},"end":"\\"\]"\}$/,
    );
  });

  it("has what is small within what is large, and leaves out what is too deep or too much", () => {
    const choice = `{"message":{"role":"assistant"},"logprobs":{"content":[${long(400_000)}]},"finish_reason":"stop"}`;
    const text = `{"choices":[${choice},${choice}],"usage":{"total":7}}`;
    const kept = { message: { role: "assistant" }, finish_reason: "stop" };
    expect(parseOutline(text)).toMatchObject({ choices: [kept, kept], usage: { total: 7 } });
    expect(JSON.stringify(parseOutline(text)).length).toBeLessThan(1_000_000);
    expect(parseOutline(`{"a":{"b":{"c":{"d":{"e":[${long(20_000)}]}}}},"z":1}`)).toEqual({
      a: { b: { c: {} } },
      z: 1,
    });
  });

  it.each([
    `{"data":[${long(20_000)}`,
    `{"data":[${long(20_000)}] "usage":1}`,
    `{"data":[${long(20_000)}],"usage"}`,
    `{"data":[${long(20_000)}],"usage":x}`,
    `{"data":[${long(20_000)}],`,
    `{"data":[${long(20_000)}],"usage`,
  ])("is none of what is seen to be no JSON", (text) => {
    expect(() => parseOutline(text)).toThrow(SyntaxError);
  });
});
