import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { chainFilter, chunkSubject } from "#nervous-system/schemas/subjects.ts";
import { filterSubject, headerValue, publishableSubject } from "./subject-guard.ts";

describe("the subject guard", () => {
  it("lets every subject pass that is made of tokens, whatever they say", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: "binary" }), fc.nat(), (namespace, text, epoch) => {
        const subject = chunkSubject({ namespace, mission_uid: text, agent_uid: text, epoch, event_type: text });
        expect(publishableSubject(subject)).toBe(subject);
        expect(filterSubject(chainFilter(text, epoch))).toBe(chainFilter(text, epoch));
      }),
    );
  });

  it.each(["a b", "a\r\nPUB x 0\r\n", "a..b", "", "a.", "a.*", "a.>", "a\tb", "a%zz", "a%2", "é"])(
    "keeps %j from the wire",
    (subject) => expect(() => publishableSubject(subject)).toThrow(/percent-encode it/),
  );

  it("knows wildcards in filters only, and the last one last", () => {
    expect(filterSubject("context.*.*.x.>")).toBe("context.*.*.x.>");
    expect(() => filterSubject("context.>.x")).toThrow(/refused/);
  });

  it.each(["a\r\nNats-Msg-Id: x", "a\nb", "", " a", "\u0000"])("refuses header value %j", (value) =>
    expect(() => headerValue(value)).toThrow(/header value/),
  );
});
