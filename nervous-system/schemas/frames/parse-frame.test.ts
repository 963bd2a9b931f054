import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { maxFrameBytes, parseFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { parseFrameText } from "#test/builders/frame-text.ts";

describe("the examples of the brief", () => {
  it("reads the schema example as it stands", () => {
    const example = {
      event_id: "uuid-v4",
      timestamp: "2025-11-21T04:59:34Z",
      agent_id: "Code-Architect-01",
      event_type: "DECISION_RATIONALE",
      related_commit_hash: "7b3f1a...",
      payload: {
        context_window_snapshot_id: "ref-99",
        reasoning: "Refactoring user auth due to security policy update.",
        rejected_alternatives: ["JWT implementation", "OAuth provider X"],
      },
    };
    expect(parseFrame(example)).toEqual({ ok: true, frame: example, flags: [] });
  });

  it("keeps in the payload what is not the stamp that its name asks for, and nothing of what says nothing", () => {
    const odd = {
      event_id: "\ud800",
      parent_event_id: "x".repeat(129),
      timestamp: "yesterday",
      agent_id: 7,
      related_commit_hash: null,
      event: "LOWER",
    };
    const { related_commit_hash: _, ...kept } = odd;
    expect(parseFrame({ event_type: "THOUGHT", ...odd, payload: { text: "a" } })).toEqual({
      ok: true,
      frame: { event_type: "THOUGHT", payload: { ...kept, text: "a" } },
      flags: [],
    });
  });

  it("reads the line for file descriptor 3, whose members are not in a payload", () => {
    const parsed = parseFrameText('{"event": "STATE_CHANGE", "module": "auth", "status": "analyzing"}');
    expect(parsed).toEqual({
      ok: true,
      frame: { event_type: "STATE_CHANGE", payload: { module: "auth", status: "analyzing" } },
      flags: ["payload_invalid"],
    });
  });

  it("reads the decision of the boilerplate, whose reasoning is called rationale", () => {
    const parsed = parseFrame({
      event_type: "DECISION_RATIONALE",
      payload: {
        rationale: "Detected circular dependency.",
        selected_strategy: "dependency_injection",
        confidence_score: 0.98,
      },
    });
    expect(parsed).toMatchObject({
      ok: true,
      flags: [],
      frame: { payload: { reasoning: "Detected circular dependency." } },
    });
  });
});

describe("a frame is refused when", () => {
  const refusals: ReadonlyArray<[string, string, RegExp]> = [
    ["it is not JSON", "{", /not JSON/],
    ["it is no object", "[1]", /JSON object/],
    ["it names no type", '{"payload":{}}', /names its "event_type"/],
    ["its type is not UPPER_SNAKE", '{"event_type":"a.b\\r\\nPUB x"}', /not UPPER_SNAKE/],
    ["it is nested 101 levels deep", `{"event_type":"DREAM","payload":${"[".repeat(100)}${"]".repeat(100)}}`, /nested/],
    [
      "it is nested as deep as JSON can be",
      `{"event_type":"DREAM","payload":${"[".repeat(130_000)}${"]".repeat(130_000)}}`,
      /nested deeper than 100 levels/,
    ],
    ["it is too big", JSON.stringify({ event_type: "THOUGHT", text: "x".repeat(maxFrameBytes) }), /larger than/],
  ];
  it.each(refusals)("%s", (_, line, reason) => {
    expect(parseFrameText(line)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
});

describe("what a frame keeps", () => {
  it("keeps 100 levels of nesting", () => {
    const line = `{"event_type":"DREAM","payload":{"a":${"[".repeat(98)}${"]".repeat(98)}}}`;
    expect(parseFrameText(line)).toMatchObject({ ok: true });
  });

  it("keeps a type that nobody here knows, flagged", () => {
    expect(parseFrame({ event_type: "DREAM", payload: { of: "sheep" } })).toMatchObject({
      ok: true,
      flags: ["unknown_type"],
    });
  });

  it("takes a producer's stamps for words, not for stamps", () => {
    const parsed = parseFrame({ event_type: "THOUGHT", text: "hm", seq: 7, hash: "f00d", agent_uid: "another" });
    expect(parsed).toMatchObject({ frame: { payload: { text: "hm", seq: 7, hash: "f00d", agent_uid: "another" } } });
  });

  it("leaves an id or a time that is none to be stamped anew", () => {
    const parsed = parseFrame({ event_type: "THOUGHT", event_id: "", timestamp: "yesterday", payload: { text: "hm" } });
    const payload = { text: "hm", timestamp: "yesterday" };
    expect(parsed).toEqual({ ok: true, frame: { event_type: "THOUGHT", payload }, flags: [] });
  });

  it("answers any JSON at all, and never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(typeof parseFrame(value).ok).toBe("boolean");
      }),
    );
  });

  it("loses no member of a payload", () => {
    const members = fc.dictionary(
      fc.string().filter((key) => key !== "rationale" && key !== "__proto__"),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(members, (payload) => {
        const parsed = parseFrame({ event_type: "ERROR", payload });
        expect(parsed.ok && parsed.frame.payload).toEqual(payload);
      }),
    );
  });
});
