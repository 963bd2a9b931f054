import { describe, expect, it } from "@jest/globals";
import { computeUpstreamBody, withoutAddition } from "#pipeline/gateway/upstream-request.ts";
import { aModel } from "#test/builders/model.ts";

const route = { provider: "OpenAICompatible", operation: "chat/completions" } as const;
const model = aModel({ spec: { model: "real", allow: ["OtherMembers"] } });
const bodyOf = (text: string) => computeUpstreamBody(Buffer.from(text), route, model);

describe("the body of a model call", () => {
  it.each([
    ["a number that no JSON can hold", '{"messages":[{"role":"user","content":"x","n":1e999}]}'],
    ["a nesting that nobody can write again", `{"messages":[${"[".repeat(50_000)}${"]".repeat(50_000)}]}`],
    ["no object", "[1]"],
    ["more names than it is worth", `{"messages":[],"metadata":{${'"k":1,'.repeat(200_001)}"l":1}}`],
    ["a stream that is only one to a lenient server", '{"messages":[],"stream":1}'],
    ["a name of ours in capitals", '{"messages":[],"stream":false,"STREAM":true}'],
    ["more than fits the memory", `{"messages":[${"{},".repeat(1_000_000)}0]}`],
  ])("is refused where it holds %s: what cannot be recorded is not sent", (_, text) => {
    expect(bodyOf(text)).toMatchObject({ kind: "refused", refusal: { status: 400, type: "invalid_body" } });
  });

  it("tells the hashes of its last messages, however many it holds", () => {
    const few = bodyOf(`{"system":"s","messages":[1,2]}`);
    expect(few).toMatchObject({ value: { contextWindow: { hashes: { length: 3 }, omitted: 0 } } });
    const many = bodyOf(`{"messages":[${"0,".repeat(400_000)}7]}`);
    expect(many).toMatchObject({ value: { contextWindow: { hashes: { length: 2_000 }, omitted: 398_001 } } });
    const last = bodyOf(`{"messages":[7]}`);
    if (many.kind === "refused" || last.kind === "refused") throw new Error("refused");
    expect(many.value.contextWindow.hashes.at(-1)).toBe(last.value.contextWindow.hashes[0]);
  });

  it.each([
    ["none", ""],
    ["its own", ',"stream_options":{"include_usage":false,"continuous":true}'],
    ["null", ',"stream_options":null'],
  ])("is what the agent wrote once more where the endpoint refuses what was added to %s", (_, options) => {
    const text = `{"model":"mine","stream":true${options}}`;
    const body = bodyOf(text);
    if (body.kind === "refused") throw new Error("refused");
    expect(JSON.parse(body.value.bytes.toString())).toMatchObject({ stream_options: { include_usage: true } });
    const { added, bytes } = withoutAddition(body.value);
    expect(added).toBeUndefined();
    expect(JSON.parse(bytes.toString())).toEqual({ ...(JSON.parse(text) as object), model: "real" });
    expect(computeUpstreamBody(Buffer.from(text), route, model, false)).toMatchObject({ value: { bytes } });
  });
});
