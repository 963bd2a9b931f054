import { describe, expect, it } from "@jest/globals";
import { renderModelCall } from "./model-call.ts";

describe("the payload of a MODEL_CALL", () => {
  const told = { provider: "Anthropic", model: "m", request: {}, answer: {}, latencyMs: 5, status: 200 };

  it("holds what is told, in one order, and no member of what is not", () => {
    const whole = renderModelCall({
      ...told,
      contextWindow: { hashes: ["a"], omitted: 2 },
      request: { toolsOffered: ["f"], effort: "high", thinkingLimit: 1, outputLimit: 2 },
      answer: {
        toolsCalled: ["f"],
        model: "m-1",
        inputTokens: 3,
        cachedTokens: 4,
        outputTokens: 5,
        reasoningTokens: 6,
        stopReason: "stop",
        id: "r",
      },
      firstTokenMs: 7,
      requestId: "q",
      requestBlob: "sha256:a",
      answerBlob: "sha256:b",
      unread: "u",
      error: "e",
    });
    expect(JSON.stringify(whole)).toBe(
      '{"provider":"Anthropic","model":"m","context_window":["a"],"context_window_omitted":2,' +
        '"tools_offered":["f"],"effort":"high","thinking_limit":1,"output_limit":2,' +
        '"tools_called":["f"],"model_answered":"m-1","input_tokens":3,"cached_tokens":4,"output_tokens":5,' +
        '"reasoning_tokens":6,"stop_reason":"stop","response_id":"r","first_token_ms":7,"latency_ms":5,"status":200,' +
        '"request_id":"q","request_blob":"sha256:a","response_blob":"sha256:b","unread":"u","error":"e"}',
    );
    expect(JSON.stringify(renderModelCall({ ...told, contextWindow: undefined }))).toBe(
      '{"provider":"Anthropic","model":"m","latency_ms":5,"status":200}',
    );
  });

  it("tells our error rather than the answer's", () => {
    const answer = { error: "of the answer" };
    expect(renderModelCall({ ...told, answer, contextWindow: undefined })).toMatchObject(answer);
    expect(renderModelCall({ ...told, answer, contextWindow: undefined, error: "ours" })).toMatchObject({
      error: "ours",
    });
  });
});
