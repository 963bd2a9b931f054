import { describe, expect, it } from "@jest/globals";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { renderExchangeFrame } from "#pipeline/gateway/model-call-frame.ts";

describe("the frame of an exchange", () => {
  it("fits the record whatever the endpoint answered: an exchange must not escape it", () => {
    const long = "€".repeat(1_000_000);
    const metadata = { name: "n", namespace: "n", uid: "00000000-0000-4000-8000-000000000001" };
    const facts = { metadata, spec: { provider: "Anthropic", model: "m" } } as never;
    const frame = renderExchangeFrame({
      agent: facts,
      mission: facts,
      model: facts,
      attempt: 1,
      contextWindow: { hashes: Array.from({ length: 2_000 }, () => "a".repeat(64)), omitted: 1 },
      request: { toolsOffered: Array.from({ length: 1_000 }, () => long.slice(0, 100)), effort: long },
      requestBlob: `sha256:${"a".repeat(64)}`,
      answer: { stopReason: long, error: long, model: long, id: long, toolsCalled: [long, long] },
      requestId: long.slice(0, 256),
      status: 200,
      latencyMs: 1,
    });
    expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(maxFrameBytes);
  });
});
