import { describe, expect, it } from "@jest/globals";
import type { Agent } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { maxFrameBytes } from "#nervous-system/schemas/frames/parse-frame.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { renderExchangeFrame } from "#pipeline/gateway/model-call-frame.ts";
import { anAgent } from "#test/builders/agent.ts";

const metadata = { name: "n", namespace: "n", uid: "00000000-0000-4000-8000-000000000001" };

describe("the frame of an exchange", () => {
  it("is stamped with the persona that the agent works as", () => {
    const model = { metadata, spec: { provider: "Anthropic", model: "m" } } as never;
    const facts = { mission: model, model, attempt: 1, contextWindow: { hashes: [], omitted: 0 }, request: {} };
    const told = { answer: {}, requestId: "r", status: 200, latencyMs: 1 };
    const subjectOf = (agent: Agent) => renderExchangeFrame({ ...facts, ...told, agent }).subject;
    const persona = { name: "reviewer", systemPrompt: "You doubt what you read." };
    expect(subjectOf(anAgent({ spec: { persona } }))).toMatchObject({
      persona: "reviewer",
      persona_digest: personaDigestOf(persona.systemPrompt),
    });
    expect(subjectOf(anAgent())).not.toHaveProperty("persona");
  });

  it("fits the record whatever the endpoint answered: an exchange must not escape it", () => {
    const long = "€".repeat(1_000_000);
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
