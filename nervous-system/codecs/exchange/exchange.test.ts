import { describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import { createAnswerReader } from "./answer-reader.ts";
import { computeContextWindow } from "./context-window.ts";
import { createSseSplitter } from "./sse-events.ts";

const openAiStream = [
  'data: {"choices":[{"index":0,"delta":{"content":"é"},"finish_reason":null}],"usage":null}\n\n',
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}\n\n',
  'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n\n',
  "data: [DONE]\n\n",
].join("");

const anthropicStream = [
  'event: message_start\r\ndata: {"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":100,"output_tokens":1}}}\r\n\r\n',
  'event: content_block_delta\r\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\r\n\r\n',
  'event: message_delta\r\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":12}}\r\n\r\n',
  'event: message_stop\r\ndata: {"type":"message_stop"}\r\n\r\n',
].join("");

const readAll = (chunks: readonly Uint8Array[]) => {
  const splitter = createSseSplitter();
  const reader = createAnswerReader();
  const events = [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
  const steps = events.map((event) => reader.readEvent(event));
  const bytes = Buffer.concat(events.map((event) => event.bytes));
  return { facts: reader.facts(), steps, text: bytes.toString() };
};

/** How many bytes some work joins, copies and searches. */
const bytesTouched = (work: () => void): number => {
  let bytes = 0;
  const { concat } = Buffer;
  const { indexOf, set } = Buffer.prototype;
  const spies = [
    jest.spyOn(Buffer, "concat").mockImplementation((list, length) => {
      const whole = concat(list, length);
      bytes += whole.length;
      return whole;
    }),
    jest.spyOn(Buffer.prototype, "set").mockImplementation(function (this: Buffer, ...[from, at]) {
      bytes += (from as Buffer).length;
      set.call(this, from, at);
    }),
    jest.spyOn(Buffer.prototype, "indexOf").mockImplementation(function (this: Buffer, value, from = 0) {
      const found = indexOf.call(this, value, from);
      bytes += (found < 0 ? this.length : found + 1) - Number(from);
      return found;
    }),
  ];
  work();
  for (const spy of spies) spy.mockRestore();
  return bytes;
};

const cutAt = (text: string, cuts: readonly number[]): readonly Uint8Array[] => {
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i] ?? 0, end));
};

describe("a streamed answer", () => {
  it("gives the same facts and the same bytes wherever the network cuts it", () => {
    const expected = [
      [openAiStream, { inputTokens: 11, outputTokens: 7, stopReason: "tool_calls" }],
      [anthropicStream, { inputTokens: 103, cachedTokens: 100, outputTokens: 12, stopReason: "end_turn" }],
    ] as const;
    fc.assert(
      fc.property(fc.constantFrom(...expected), fc.array(fc.nat(), { maxLength: 12 }), ([text, facts], cuts) => {
        const read = readAll(cutAt(text, cuts));
        expect(read.facts).toEqual(facts);
        expect(read.text).toBe(text);
        expect(read.steps.map((step) => step.last)).toEqual([false, false, false, true]);
      }),
    );
  });

  it("knows the event that holds nothing but token counts", () => {
    const { steps } = readAll([Buffer.from(openAiStream)]);
    expect(steps.map((step) => step.usageOnly)).toEqual([false, false, true, false]);
  });

  it("keeps what comes after the last blank line", () => {
    const splitter = createSseSplitter();
    expect(splitter.push(Buffer.from("data: half"))).toEqual([]);
    expect(splitter.end()).toMatchObject([{ bytes: Buffer.from("data: half"), data: "half" }]);
    expect(splitter.end()).toEqual([]);
  });

  it.each(["\n\n", "\r\n\r\n"])("leaves out what is longer than the bound, byte by byte, up to its %j", (blank) => {
    const splitter = createSseSplitter(20);
    const text = ["data: a", `data: ${"x".repeat(90)}`, "data: b", `data: ${"y".repeat(90)}`].join(blank);
    const events = Array.from(Buffer.from(text), (byte) => splitter.push(Buffer.of(byte))).flat();
    expect([...events, ...splitter.end()].map(({ data }) => data)).toEqual(["a", "b"]);
    expect(splitter.isWhole()).toBe(false);
  });

  it.each([
    ["is kept", Infinity],
    ["is left out", 5000],
  ])("costs in proportion to its length, though no event in it ends and what came of it %s", (_, bound) => {
    const line = Buffer.from(`data: ${"x".repeat(100)}\n`);
    const [small, large] = [500, 2000].map((lines) =>
      bytesTouched(() => {
        const splitter = createSseSplitter(bound);
        for (let at = 0; at < lines; at += 1) splitter.push(line);
        splitter.end();
      }),
    );
    expect(large! / small!).toBeLessThan(4.1);
  });

  it("reads the end of the Responses protocol", () => {
    const { facts, steps } = readAll([
      Buffer.from(
        'event: response.completed\ndata: {"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":5,"output_tokens":6}}}\n\n',
      ),
    ]);
    expect(facts).toEqual({ inputTokens: 5, outputTokens: 6, stopReason: "completed" });
    expect(steps[0]?.last).toBe(true);
  });
});

describe("a whole answer", () => {
  const factsOf = async (body: unknown) => {
    const reader = createAnswerReader();
    await reader.readWhole(JSON.stringify(body));
    return reader.facts();
  };

  it("of each protocol gives tokens and the reason to stop", async () => {
    const usage = { prompt_tokens: 1, completion_tokens: 2 };
    expect(await factsOf({ choices: [{ finish_reason: "stop" }], usage })).toEqual({
      inputTokens: 1,
      outputTokens: 2,
      stopReason: "stop",
    });
    expect(
      await factsOf({ type: "message", stop_reason: "max_tokens", usage: { input_tokens: 4, output_tokens: 5 } }),
    ).toEqual({
      inputTokens: 4,
      outputTokens: 5,
      stopReason: "max_tokens",
    });
    expect(
      await factsOf({ object: "response", status: "incomplete", usage: { input_tokens: 1, output_tokens: 1 } }),
    ).toMatchObject({
      stopReason: "incomplete",
    });
  });

  it("that is an error gives its words", async () => {
    expect(await factsOf({ error: { message: "slow down", type: "rate_limit" } })).toEqual({ error: "slow down" });
    expect(await factsOf({ error: "plain" })).toEqual({ error: "plain" });
  });

  it("that is not JSON gives nothing", async () => {
    const reader = createAnswerReader();
    await reader.readWhole("<html>");
    expect(reader.facts()).toEqual({});
  });
});

describe("computeContextWindow", () => {
  const hashesOf = (body: Record<string, unknown>) => computeContextWindow(body).hashes;

  it("knows a text that was cut in the middle of an emoji, and no number beyond all bounds", () => {
    const [cut] = hashesOf({ messages: [{ role: "user", content: "a\ud83d" }] });
    expect([cut]).toEqual(hashesOf({ messages: [{ role: "user", content: "a\ufffd" }] }));
    expect(() => computeContextWindow({ messages: [{ n: Infinity }] })).toThrow("Infinity is not allowed");
  });

  it("hashes a message the same whatever the order of its members", () => {
    const [a] = hashesOf({ messages: [{ role: "user", content: "x" }] });
    const [b] = hashesOf({ messages: [{ content: "x", role: "user" }] });
    expect(a).toMatch(/^[0-9a-f]{64}$/);
    expect(a).toBe(b);
  });

  it("puts the system prompt of Anthropic first, as the same message OpenAI would send", () => {
    const messages = [{ role: "user", content: "x" }];
    const anthropic = hashesOf({ system: "be kind", messages });
    const openAi = hashesOf({ messages: [{ role: "system", content: "be kind" }, ...messages] });
    expect(anthropic).toEqual(openAi);
  });

  it("knows Gemini's names", () => {
    const contents = [{ role: "user", parts: [{ text: "x" }] }];
    const said = { parts: [{ text: "be kind" }] };
    expect(hashesOf({ contents, systemInstruction: said })).toEqual(
      hashesOf({ messages: [{ role: "system", content: said }, ...contents] }),
    );
  });

  it("takes a bare input as one message", () => {
    expect(hashesOf({ input: "x" })).toHaveLength(1);
    expect(hashesOf({})).toEqual([]);
  });
});
