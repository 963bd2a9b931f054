import type { AnswerFacts } from "#nervous-system/codecs/exchange/answer-reader.ts";

/** An answer in the shape that a provider publishes, whole or as a stream of events, and what it says of itself. */
export type ProviderAnswer = { readonly of: string; readonly body: string; readonly facts: AnswerFacts };

const whole = (of: string, body: unknown, facts: AnswerFacts): ProviderAnswer => ({
  of: `${of}, whole`,
  body: JSON.stringify(body),
  facts,
});

const events = (...data: readonly unknown[]): string =>
  data.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join("");

const namedEvents = (...data: ReadonlyArray<{ type: string } & Record<string, unknown>>): string =>
  data.map((one) => `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`).join("");

const stream = (of: string, body: string, facts: AnswerFacts): ProviderAnswer => ({
  of: `${of}, streamed`,
  body,
  facts,
});

const chatCall = { id: "call_1", type: "function", function: { name: "read_file", arguments: "{}" } };

const openAi: readonly ProviderAnswer[] = [
  whole(
    "OpenAI chat completions",
    {
      id: "chatcmpl-1",
      object: "chat.completion",
      model: "m-1-2026-01-01",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: null, tool_calls: [chatCall] },
          finish_reason: "tool_calls",
        },
      ],
      usage: {
        prompt_tokens: 2_006,
        completion_tokens: 300,
        total_tokens: 2_306,
        prompt_tokens_details: { cached_tokens: 1_920, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 192, accepted_prediction_tokens: 0 },
      },
    },
    {
      id: "chatcmpl-1",
      model: "m-1-2026-01-01",
      inputTokens: 2_006,
      cachedTokens: 1_920,
      outputTokens: 300,
      reasoningTokens: 192,
      stopReason: "tool_calls",
      toolsCalled: ["read_file"],
    },
  ),
  stream(
    "OpenAI chat completions",
    events(
      {
        id: "chatcmpl-2",
        model: "m-1",
        choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
        usage: null,
      },
      {
        id: "chatcmpl-2",
        model: "m-1",
        choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...chatCall }] } }],
        usage: null,
      },
      {
        id: "chatcmpl-2",
        model: "m-1",
        choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: "{}" } }] } }],
      },
      {
        id: "chatcmpl-2",
        model: "m-1",
        choices: [{ index: 0, delta: { tool_calls: [{ index: 1, ...chatCall, id: "call_2" }] } }],
      },
      { id: "chatcmpl-2", model: "m-1", choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }], usage: null },
      {
        id: "chatcmpl-2",
        model: "m-1",
        choices: [],
        usage: {
          prompt_tokens: 11,
          completion_tokens: 7,
          total_tokens: 18,
          prompt_tokens_details: { cached_tokens: 4 },
        },
      },
      "[DONE]",
    ),
    {
      id: "chatcmpl-2",
      model: "m-1",
      inputTokens: 11,
      cachedTokens: 4,
      outputTokens: 7,
      stopReason: "tool_calls",
      toolsCalled: ["read_file", "read_file"],
    },
  ),
  whole(
    "OpenAI responses",
    {
      id: "resp_1",
      object: "response",
      status: "completed",
      error: null,
      model: "m-1",
      output: [
        { type: "reasoning", id: "rs_1", summary: [] },
        { type: "web_search_call", id: "ws_1", status: "completed" },
        { type: "function_call", id: "fc_1", call_id: "call_1", name: "read_file", arguments: "{}" },
      ],
      usage: {
        input_tokens: 328,
        input_tokens_details: { cached_tokens: 300 },
        output_tokens: 52,
        output_tokens_details: { reasoning_tokens: 20 },
        total_tokens: 380,
      },
    },
    {
      id: "resp_1",
      model: "m-1",
      inputTokens: 328,
      cachedTokens: 300,
      outputTokens: 52,
      reasoningTokens: 20,
      stopReason: "completed",
      toolsCalled: ["web_search", "read_file"],
    },
  ),
  stream(
    "OpenAI responses",
    namedEvents(
      {
        type: "response.created",
        response: { id: "resp_2", object: "response", status: "in_progress", model: "m-1", output: [], usage: null },
      },
      {
        type: "response.output_item.added",
        output_index: 0,
        item: { type: "function_call", id: "fc_1", name: "read_file" },
      },
      { type: "response.function_call_arguments.delta", output_index: 0, delta: "{}" },
      {
        type: "response.output_item.done",
        output_index: 0,
        item: { type: "function_call", id: "fc_1", name: "read_file" },
      },
      {
        type: "response.completed",
        response: {
          id: "resp_2",
          object: "response",
          status: "completed",
          model: "m-1",
          output: [{ type: "function_call", id: "fc_1", name: "read_file" }],
          usage: {
            input_tokens: 37,
            input_tokens_details: { cached_tokens: 0 },
            output_tokens: 11,
            output_tokens_details: { reasoning_tokens: 0 },
          },
        },
      },
    ),
    {
      id: "resp_2",
      model: "m-1",
      inputTokens: 37,
      cachedTokens: 0,
      outputTokens: 11,
      reasoningTokens: 0,
      stopReason: "completed",
      toolsCalled: ["read_file"],
    },
  ),
];

const anthropic: readonly ProviderAnswer[] = [
  whole(
    "Anthropic messages",
    {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "m-2",
      content: [
        { type: "text", text: "I look." },
        { type: "tool_use", id: "toolu_1", name: "read_file", input: {} },
      ],
      stop_reason: "tool_use",
      usage: {
        input_tokens: 50,
        cache_read_input_tokens: 100_000,
        cache_creation_input_tokens: 248,
        output_tokens: 503,
      },
    },
    {
      id: "msg_1",
      model: "m-2",
      inputTokens: 100_298,
      cachedTokens: 100_000,
      outputTokens: 503,
      stopReason: "tool_use",
      toolsCalled: ["read_file"],
    },
  ),
  stream(
    "Anthropic messages",
    namedEvents(
      {
        type: "message_start",
        message: {
          id: "msg_2",
          type: "message",
          model: "m-2",
          content: [],
          stop_reason: null,
          usage: { input_tokens: 3, cache_creation_input_tokens: 5, cache_read_input_tokens: 100, output_tokens: 1 },
        },
      },
      { type: "ping" },
      {
        type: "content_block_start",
        index: 0,
        content_block: { type: "tool_use", id: "toolu_1", name: "read_file", input: {} },
      },
      { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "{}" } },
      { type: "content_block_stop", index: 0 },
      // Cumulative, and told again in full: nothing here is to be added.
      {
        type: "message_delta",
        delta: { stop_reason: "tool_use" },
        usage: { input_tokens: 3, cache_creation_input_tokens: 5, cache_read_input_tokens: 100, output_tokens: 89 },
      },
      { type: "message_stop" },
    ),
    {
      id: "msg_2",
      model: "m-2",
      inputTokens: 108,
      cachedTokens: 100,
      outputTokens: 89,
      stopReason: "tool_use",
      toolsCalled: ["read_file"],
    },
  ),
  stream(
    "a server of Anthropic's protocol that ends with zeros",
    namedEvents(
      {
        type: "message_start",
        message: { id: "msg_3", usage: { input_tokens: 15, cache_read_input_tokens: 7, output_tokens: 0 } },
      },
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn" },
        usage: { input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 62 },
      },
      { type: "message_stop" },
    ),
    { id: "msg_3", inputTokens: 22, cachedTokens: 7, outputTokens: 62, stopReason: "end_turn" },
  ),
  stream(
    "a server of Anthropic's protocol that begins with zeros",
    namedEvents(
      { type: "message_start", message: { id: "msg_4", usage: { input_tokens: 0, output_tokens: 0 } } },
      { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { input_tokens: 123, output_tokens: 45 } },
      { type: "message_stop" },
    ),
    { id: "msg_4", inputTokens: 123, outputTokens: 45, stopReason: "end_turn" },
  ),
];

const part = (...parts: readonly unknown[]): unknown => ({ content: { role: "model", parts }, index: 0 });
const geminiChunks = [
  {
    candidates: [part({ text: "I look.", thought: true })],
    usageMetadata: {
      promptTokenCount: 500,
      totalTokenCount: 520,
      thoughtsTokenCount: 20,
      cachedContentTokenCount: 400,
    },
    modelVersion: "m-3-001",
    responseId: "r-1",
  },
  {
    candidates: [
      part({ functionCall: { name: "read_file", args: {} } }, { functionCall: { name: "read_file", args: {} } }),
    ],
    usageMetadata: { promptTokenCount: 500, candidatesTokenCount: 9, totalTokenCount: 529, thoughtsTokenCount: 20 },
    modelVersion: "m-3-001",
    responseId: "r-1",
  },
  {
    candidates: [{ ...(part({ text: "" }) as object), finishReason: "STOP" }],
    usageMetadata: {
      promptTokenCount: 500,
      candidatesTokenCount: 12,
      toolUsePromptTokenCount: 30,
      thoughtsTokenCount: 20,
      cachedContentTokenCount: 400,
      totalTokenCount: 562,
    },
    modelVersion: "m-3-001",
    responseId: "r-1",
  },
];
const geminiFacts: AnswerFacts = {
  id: "r-1",
  model: "m-3-001",
  inputTokens: 530,
  cachedTokens: 400,
  outputTokens: 32,
  reasoningTokens: 20,
  stopReason: "STOP",
  toolsCalled: ["read_file", "read_file"],
};

const gemini: readonly ProviderAnswer[] = [
  whole(
    "Gemini generateContent",
    {
      ...geminiChunks[2],
      candidates: [{ ...(part({ functionCall: { name: "read_file", args: {} } }) as object), finishReason: "STOP" }],
    },
    { ...geminiFacts, toolsCalled: ["read_file"] },
  ),
  stream("Gemini streamGenerateContent with alt=sse", events(...geminiChunks), geminiFacts),
  whole("Gemini streamGenerateContent as a list", geminiChunks, geminiFacts),
  stream("Gemini behind Code Assist", events(...geminiChunks.map((response) => ({ response }))), geminiFacts),
  whole(
    "Gemini that blocks a prompt",
    {
      promptFeedback: { blockReason: "PROHIBITED_CONTENT" },
      usageMetadata: { promptTokenCount: 41, totalTokenCount: 41 },
      modelVersion: "m-3",
    },
    { model: "m-3", inputTokens: 41, stopReason: "PROHIBITED_CONTENT" },
  ),
  whole(
    "Gemini that tells its thoughts in the total alone",
    {
      candidates: [{ ...(part({ text: "a" }) as object), finishReason: "STOP" }],
      usageMetadata: {
        promptTokenCount: 20,
        toolUsePromptTokenCount: 7,
        candidatesTokenCount: 198,
        cachedContentTokenCount: 16,
        totalTokenCount: 240,
      },
    },
    { inputTokens: 27, cachedTokens: 16, outputTokens: 213, reasoningTokens: 15, stopReason: "STOP" },
  ),
];

/** A whole message of Anthropic's that differs in its iterations alone. */
const iterated = (of: string, list: readonly unknown[], facts: AnswerFacts, usage: object = {}): ProviderAnswer =>
  whole(
    of,
    {
      type: "message",
      stop_reason: "end_turn",
      usage: { input_tokens: 23_000, output_tokens: 1_000, ...usage, iterations: list },
    },
    { stopReason: "end_turn", ...facts },
  );

const messageIteration = { type: "message", input_tokens: 23_000, output_tokens: 1_000 };
const iterations: readonly ProviderAnswer[] = [
  iterated("Anthropic, of one iteration", [messageIteration], { inputTokens: 23_000, outputTokens: 1_000 }),
  iterated(
    "Anthropic, that compacted twice first",
    [
      { type: "compaction", input_tokens: 180_000, output_tokens: 3_500, cache_read_input_tokens: 4_000 },
      { type: "compaction", input_tokens: 90_000, output_tokens: 500, cache_creation_input_tokens: 1_000 },
      messageIteration,
    ],
    { inputTokens: 298_000, cachedTokens: 4_000, outputTokens: 5_000 },
  ),
  iterated(
    "Anthropic, that compacted and stopped there",
    [{ type: "compaction", input_tokens: 180_000, output_tokens: 3_500 }],
    { inputTokens: 180_000, outputTokens: 3_500 },
    { input_tokens: 0, output_tokens: 0 },
  ),
  iterated(
    "Anthropic, whose first model declined and that had another advise",
    [
      { type: "message", model: "declined", input_tokens: 22_000, output_tokens: 9 },
      { type: "advisor_message", model: "wise", input_tokens: 5_000, output_tokens: 600 },
      { ...messageIteration, type: "fallback_message" },
    ],
    { inputTokens: 28_000, outputTokens: 1_600 },
  ),
  stream(
    "Anthropic, that compacts",
    namedEvents(
      { type: "message_start", message: { usage: { input_tokens: 23_000, output_tokens: 1 } } },
      ...[40, 1_000].map((output_tokens) => ({
        type: "message_delta",
        usage: {
          output_tokens,
          iterations: [
            { type: "compaction", input_tokens: 180_000, output_tokens: 3_500 },
            { type: "message", input_tokens: 23_000, output_tokens },
          ],
        },
      })),
      { type: "message_stop" },
    ),
    { inputTokens: 203_000, outputTokens: 4_500 },
  ),
];

/** A stream that begins with the whole prompt as its input, and ends with what of it came from a cache. */
const split = (
  of: string,
  usage: object,
  facts: AnswerFacts,
  start: object = { input_tokens: 10_000 },
): ProviderAnswer =>
  stream(
    of,
    namedEvents(
      { type: "message_start", message: { usage: { ...start, output_tokens: 0 } } },
      { type: "message_delta", usage: { output_tokens: 300, ...usage } },
      { type: "message_stop" },
    ),
    { outputTokens: 300, ...facts },
  );

const splitAnew: readonly ProviderAnswer[] = [
  split(
    "Kimi's messages, which name the prompt as OpenAI does, too",
    { input_tokens: 200, cache_read_input_tokens: 9_800, prompt_tokens: 10_000, cached_tokens: 9_800 },
    { inputTokens: 10_000, cachedTokens: 9_800 },
  ),
  split(
    "Kimi's messages by both names of everything",
    { input_tokens: 200, cache_read_input_tokens: 9_800, prompt_tokens: 10_000, completion_tokens: 300 },
    { inputTokens: 10_000, cachedTokens: 9_800 },
  ),
  split(
    "Kimi's messages, all from its cache",
    { input_tokens: 0, cache_read_input_tokens: 10_000 },
    { inputTokens: 10_000, cachedTokens: 10_000 },
  ),
  split(
    "Qwen's messages",
    { input_tokens: 18, cache_creation_input_tokens: 0, cache_read_input_tokens: 8_831 },
    { inputTokens: 8_849, cachedTokens: 8_831 },
    { input_tokens: 8_834 },
  ),
  split("a server that counts its input once", { input_tokens: 0 }, { inputTokens: 10_000 }),
  split(
    "a server that counts its input once, and says so again of its cache",
    { input_tokens: 0, cache_read_input_tokens: 9_000 },
    { inputTokens: 19_000, cachedTokens: 9_000 },
    { input_tokens: 10_000, cache_read_input_tokens: 9_000 },
  ),
  split(
    "a server whose cache is more than what it counted before",
    { input_tokens: 0, cache_read_input_tokens: 9_000 },
    { inputTokens: 9_500, cachedTokens: 9_000 },
    { input_tokens: 500 },
  ),
];

/** A whole answer of the chat protocol that differs in its usage alone. */
const counted = (of: string, usage: unknown, facts: AnswerFacts, beside: object = {}): ProviderAnswer =>
  whole(of, { choices: [{ finish_reason: "stop" }], usage, ...beside }, { stopReason: "stop", ...facts });

const compatible: readonly ProviderAnswer[] = [
  counted(
    "DeepSeek",
    {
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_cache_hit_tokens: 64,
      prompt_cache_miss_tokens: 36,
      completion_tokens_details: { reasoning_tokens: 12 },
    },
    { inputTokens: 100, cachedTokens: 64, outputTokens: 20, reasoningTokens: 12 },
  ),
  counted(
    "OpenRouter",
    {
      prompt_tokens: 194,
      completion_tokens: 2,
      total_tokens: 196,
      cost: 0.95,
      prompt_tokens_details: { cached_tokens: 90, cache_write_tokens: 100, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
    { inputTokens: 194, cachedTokens: 90, outputTokens: 2, reasoningTokens: 0 },
  ),
  stream(
    "Azure",
    events(
      { id: "", model: "", choices: [], prompt_filter_results: [{ prompt_index: 0 }] },
      { id: "chatcmpl-3", model: "m-1", choices: [{ delta: { content: "hi" }, finish_reason: null }] },
      { id: "chatcmpl-3", model: "m-1", choices: [{ delta: {}, finish_reason: "content_filter" }] },
      "[DONE]",
    ),
    { id: "chatcmpl-3", model: "m-1", stopReason: "content_filter" },
  ),
  counted(
    "Ollama",
    { prompt_tokens: 26, completion_tokens: 298, total_tokens: 324 },
    { inputTokens: 26, outputTokens: 298 },
  ),
  stream(
    "vLLM that counts as it goes",
    events(
      {
        model: "m",
        choices: [{ delta: { role: "assistant" } }],
        usage: { prompt_tokens: 9, completion_tokens: 0, total_tokens: 9, prompt_tokens_details: null },
      },
      {
        model: "m",
        choices: [{ delta: { content: "a" } }],
        usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
      },
      {
        model: "m",
        choices: [{ delta: {}, finish_reason: "stop" }],
        usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
      },
      { model: "m", choices: [], usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 } },
      "[DONE]",
    ),
    { model: "m", inputTokens: 9, outputTokens: 2, stopReason: "stop" },
  ),
  counted(
    "litellm before Anthropic",
    {
      prompt_tokens: 13_559,
      completion_tokens: 122,
      total_tokens: 13_681,
      cache_read_input_tokens: 13_000,
      cache_creation_input_tokens: 500,
      prompt_tokens_details: { cached_tokens: 13_000 },
    },
    { inputTokens: 13_559, cachedTokens: 13_000, outputTokens: 122 },
  ),
  counted(
    "xAI, which counts reasoning beside the completion",
    { prompt_tokens: 32, completion_tokens: 9, total_tokens: 135, completion_tokens_details: { reasoning_tokens: 94 } },
    { inputTokens: 32, outputTokens: 103, reasoningTokens: 94 },
  ),
  counted(
    "Gemini behind the chat protocol, which tells its thoughts in the total alone",
    { prompt_tokens: 20, completion_tokens: 198, total_tokens: 623 },
    { inputTokens: 20, outputTokens: 603, reasoningTokens: 405 },
  ),
  counted(
    "the same with more from its cache than it thought",
    {
      prompt_tokens: 5_000,
      completion_tokens: 8,
      total_tokens: 5_413,
      prompt_tokens_details: { cached_tokens: 4_096 },
    },
    { inputTokens: 5_000, cachedTokens: 4_096, outputTokens: 413, reasoningTokens: 405 },
  ),
  counted(
    "a translator to the responses' protocol that counts reasoning beside the output",
    {
      input_tokens: 21,
      output_tokens: 4,
      output_tokens_details: { reasoning_tokens: 60 },
      total_tokens: 85,
    },
    { inputTokens: 21, outputTokens: 64, reasoningTokens: 60 },
  ),
  counted(
    "a server whose total has the cache beside the prompt",
    { prompt_tokens: 3, completion_tokens: 12, total_tokens: 115, cache_read_input_tokens: 100 },
    { inputTokens: 3, cachedTokens: 100, outputTokens: 12 },
  ),
  counted(
    "a server whose total has beside the prompt what it wrote to a cache",
    { prompt_tokens: 3, completion_tokens: 12, total_tokens: 263, cache_creation_input_tokens: 248 },
    { inputTokens: 3, outputTokens: 12 },
  ),
  counted(
    "a server that says that it did not reason, whatever its total",
    { prompt_tokens: 3, completion_tokens: 12, total_tokens: 50, completion_tokens_details: { reasoning_tokens: 0 } },
    { inputTokens: 3, outputTokens: 12, reasoningTokens: 0 },
  ),
  counted(
    "a server whose total is less than its parts",
    { prompt_tokens: 30, completion_tokens: 12, total_tokens: 12 },
    { inputTokens: 30, outputTokens: 12 },
  ),
  counted(
    "a server that tells the total and not what was answered",
    { prompt_tokens: 30, completion_tokens: "12", total_tokens: 42 },
    { inputTokens: 30 },
  ),
  stream(
    "Groq",
    events(
      {
        choices: [{ delta: {}, finish_reason: "stop" }],
        x_groq: { usage: { prompt_tokens: 18, completion_tokens: 4, total_tokens: 22 } },
      },
      "[DONE]",
    ),
    { inputTokens: 18, outputTokens: 4, stopReason: "stop" },
  ),
  stream(
    "Moonshot",
    events(
      {
        choices: [
          { delta: {}, finish_reason: "stop", usage: { prompt_tokens: 18, completion_tokens: 4, cached_tokens: 16 } },
        ],
      },
      "[DONE]",
    ),
    { inputTokens: 18, cachedTokens: 16, outputTokens: 4, stopReason: "stop" },
  ),
  counted("a server that counts nothing", undefined, {}),
  counted("a server that says null", null, {}),
  counted(
    "a server that says nothing in many words",
    { prompt_tokens: null, completion_tokens: "12", total_tokens: -1 },
    {},
  ),
  counted("embeddings", { prompt_tokens: 8, total_tokens: 8 }, { inputTokens: 8 }),
];

/** One table of the shapes in which providers answer, after their published examples. */
export const providerAnswers: readonly ProviderAnswer[] = [
  ...openAi,
  ...anthropic,
  ...iterations,
  ...splitAnew,
  ...gemini,
  ...compatible,
];
