import { describe, expect, it } from "@jest/globals";
import { providerAnswers } from "#test/builders/provider-answers.ts";
import { createAnswerReader } from "./answer-reader.ts";
import { createSseSplitter } from "./sse-events.ts";

const readWhole = async (text: string, status?: number) => {
  const reader = createAnswerReader(status);
  await reader.readWhole(text);
  return reader.facts();
};

const readEvents = (text: string) => {
  const reader = createAnswerReader();
  const splitter = createSseSplitter();
  const events = [...splitter.push(Buffer.from(text)), ...splitter.end()];
  return { steps: events.map((event) => reader.readEvent(event)), facts: reader.facts() };
};

describe("the answer of", () => {
  it.each(providerAnswers)(
    "$of: says what it counted, which model it was and what it calls",
    async ({ body, facts }) => {
      expect(await readWhole(body)).toEqual(facts);
      expect(readEvents(body).facts).toEqual(facts);
    },
  );
});

describe("an answer that begins with a byte order mark", () => {
  it.each(providerAnswers)("of $of is read like any other", async ({ of, body, facts }) => {
    const marked = `\uFEFF${body}`;
    expect(of.endsWith("streamed") ? readEvents(marked).facts : await readWhole(marked)).toEqual(facts);
  });
});

describe("the events of a stream", () => {
  const streamed = providerAnswers.filter(({ of }) => of.endsWith("streamed"));

  it.each(streamed)("of $of tell which one is the last", ({ body }) => {
    const { steps } = readEvents(body);
    expect(steps.map(({ last }) => last).indexOf(true)).toBe(steps.length - 1);
  });

  it.each(streamed)("of $of are read to the last, though no blank line follows it", ({ body, facts }) => {
    expect(readEvents(body.trimEnd()).facts).toEqual(facts);
  });

  it.each([
    ["OpenAI chat completions, streamed", 1],
    ["OpenAI responses, streamed", 2],
    ["Anthropic messages, streamed", 3],
    ["Gemini streamGenerateContent with alt=sse, streamed", 0],
  ])("of %s tell where the model begins to speak", (name, first) => {
    const { body = "" } = providerAnswers.find(({ of }) => of === name) ?? {};
    expect(readEvents(body).steps.findIndex(({ content }) => content)).toBe(first);
  });
});

/** Errors in the shapes of OpenAI, Anthropic, Gemini, vLLM, Mistral, FastAPI, Azure's front, Cloudflare, Apigee, OpenRouter, … */
const errors: ReadonlyArray<readonly [body: unknown, words: string]> = [
  [{ error: { message: "no such model", type: "invalid_request_error" } }, "no such model"],
  [{ error: "plain" }, "plain"],
  [{ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }, "Overloaded"],
  [
    [{ error: { code: 429, message: "Resource has been exhausted", status: "RESOURCE_EXHAUSTED" } }],
    "Resource has been exhausted",
  ],
  [{ object: "error", message: "too long", type: "BadRequestError", code: 400 }, "too long"],
  [
    {
      object: "error",
      message: { detail: [{ type: "extra_forbidden", loc: ["body", "stream_options"], msg: "not permitted" }] },
    },
    "body.stream_options: not permitted",
  ],
  [{ detail: "Not Found" }, "Not Found"],
  [
    {
      detail: [
        { loc: ["body", "model"], msg: "missing" },
        { loc: ["body", "n"], msg: "too many" },
      ],
    },
    "body.model: missing; body.n: too many",
  ],
  [{ statusCode: 401, message: "Access denied" }, "Access denied"],
  [
    { success: false, errors: [{ code: 10_000, message: "Authentication error" }], result: null },
    "Authentication error",
  ],
  [{ fault: { faultstring: "Invalid key" } }, "Invalid key"],
  [{ code: 1113, msg: "balance is used up" }, "balance is used up"],
  [{ choices: [{ error: { code: 502, message: "provider failed" }, finish_reason: "error" }] }, "provider failed"],
  [
    { type: "response.failed", response: { status: "failed", error: { code: "server_error", message: "try later" } } },
    "try later",
  ],
  [{ error: { code: 429 } }, '{"code":429}'],
];

describe("an error", () => {
  it.each(errors)("in the shape %j gives its words, whichever status it comes under", async (body, words) => {
    const text = JSON.stringify(body);
    expect((await readWhole(text, 400)).error).toBe(words);
    expect((await readWhole(text, 200)).error).toBe(words);
  });

  it.each(errors)(
    "in the shape %j gives its words in a stream, in its last event without a blank line too",
    (body, words) => {
      expect(readEvents(`data: {"choices":[]}\n\ndata: ${JSON.stringify(body)}`).facts.error).toBe(words);
      expect(readEvents(JSON.stringify(body)).facts.error).toBe(words);
    },
  );

  it.each([
    ["upstream connect error", "upstream connect error"],
    ["<html><head><title>502 Bad\n Gateway</title></head><body>…</body></html>", "502 Bad Gateway"],
    ['{"status":429}', '{"status":429}'],
    ["", undefined],
  ])("in the text %j gives its words where the status tells that it is one", async (text, words) => {
    expect((await readWhole(text, 502)).error).toBe(words);
    expect((await readWhole(text, 200)).error).toBeUndefined();
  });

  it("is told by its event's name where its data are plain words", () => {
    const { facts, steps } = readEvents("event: error\ndata: overloaded\n\n");
    expect(facts.error).toBe("overloaded");
    expect(steps[0]?.last).toBe(true);
  });

  it("is none where an answer has words of its own", async () => {
    expect(await readWhole('{"choices":[{"finish_reason":"stop"}],"message":"success","error":null}')).toEqual({
      stopReason: "stop",
    });
  });

  it("of any depth and length ends no reader", async () => {
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    expect((await readWhole(`{"error":${deep}}`)).error).toContain("too deep");
    expect((await readWhole(`{"error":{"message":${deep}}}`, 400)).error).toContain("too deep");
    expect((await readWhole(`{"detail":[${'"x",'.repeat(400_000)}"x"]}`)).error).toHaveLength(58);
    expect((await readWhole("x".repeat(1_000_000), 500)).error).toHaveLength(4_000);
  });
});

describe("an answer of very many events", () => {
  it("of blank lines is none", () => {
    const splitter = createSseSplitter();
    const bytes = Buffer.alloc(65_536, "\n");
    const events = [...splitter.push(bytes), ...splitter.push(bytes), ...splitter.end()];
    expect(events.length).toBeLessThanOrEqual(2);
    expect(Buffer.concat(events.map((event) => event.bytes))).toEqual(Buffer.concat([bytes, bytes]));
  });

  it("leaves others their turn where it came whole", async () => {
    let turns = 0;
    let isOver = false;
    const others = (): void => {
      turns += 1;
      if (!isOver) setImmediate(others);
    };
    setImmediate(others);
    const usage = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } };
    const { inputTokens } = await readWhole(
      "data: x\n\n".repeat(500) + `data: ${JSON.stringify(usage)}\n\n` + "\n".repeat(1 << 20),
    );
    isOver = true;
    expect(inputTokens).toBe(3);
    expect(turns).toBeGreaterThan(15);
  });

  it("is not read on where a thousand of them were no JSON", () => {
    const good = 'data: {"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n';
    expect(readEvents("data: {x\n\n".repeat(1_000) + good).facts.inputTokens).toBe(3);
    expect(readEvents("data: {x\n\n".repeat(1_001) + good).facts.inputTokens).toBeUndefined();
  });

  it("tells what it counted, however many choices it has", () => {
    const usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":260000}}\n\n';
    const { facts } = readEvents('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'.repeat(250_001) + usage);
    expect(facts).toMatchObject({ inputTokens: 3, outputTokens: 260_000 });
  });
});

describe("an answer of more values than are parsed", () => {
  const usage = { prompt_tokens: 3, completion_tokens: 4 };
  const candidate = { token: "abcd", logprob: -0.12, bytes: [97, 98, 99, 100] };
  const content = Array.from({ length: 6_200 }, () => ({
    ...candidate,
    top_logprobs: Array.from({ length: 20 }, () => candidate),
  }));
  const data = Array.from({ length: 700 }, () => ({ object: "embedding", embedding: Array(1_536).fill(0.012) }));

  it.each([
    [
      "log probabilities",
      { choices: [{ message: { content: "a" }, logprobs: { content }, finish_reason: "stop" }], usage },
    ],
    ["embeddings", { object: "list", data, usage }],
    ["embeddings that stand behind its counts", { usage, data }],
  ])("of %s tells what it counted", async (_, answer) => {
    const facts = await readWhole(JSON.stringify(answer));
    expect(facts).toMatchObject({ inputTokens: 3, outputTokens: 4 });
    if ("choices" in answer) expect(facts.stopReason).toBe("stop");
    expect(readEvents(`data: ${JSON.stringify(answer)}\n\n`).facts.inputTokens).toBe(3);
  });
});
