import * as z from "zod";
import { defineFrame, count, digest, text, texts } from "#nervous-system/schemas/frames/define-frame.ts";

/** One exchange with a model, written by the gateway that carried it. */
export const modelCall = defineFrame({
  type: "MODEL_CALL",
  description: "One exchange with a model, written by the gateway that carried it.",
  producers: ["gateway", "scribe", "collector"],
  payload: {
    provider: text("Provider of the model."),
    model: text("The model's name as the provider knows it."),
    model_answered: text("The model that answered, as the answer names it.").optional(),
    context_window: texts("Hash of each message sent, in order.").optional(),
    tools_offered: texts("Names of the tools that the model could call.").optional(),
    tools_called: texts("Names of the tools that it called, in order.").optional(),
    effort: text("How hard the model was to think, in the provider's word.").optional(),
    thinking_limit: count("Tokens that it could think at most, as it was asked.").optional(),
    output_limit: count("Tokens that it could answer at most, as it was asked.").optional(),
    input_tokens: count("Tokens sent, as the provider counted; those from a cache too.").optional(),
    cached_tokens: count("Those of the tokens sent that came from the provider's cache.").optional(),
    output_tokens: count("Tokens answered, as the provider counted; those of thinking too.").optional(),
    reasoning_tokens: count("Those of the tokens answered that are thinking.").optional(),
    usage_estimated: z
      .boolean()
      .describe("Whether the gateway estimated tokens that the provider took and did not count, rather too high.")
      .optional(),
    cost_nano_usd: count("What it cost by the prices of the Model, in billionths of a dollar.").optional(),
    first_token_ms: z
      .number()
      .min(0)
      .describe("From the first byte sent to the first that the model said in a stream, in milliseconds.")
      .optional(),
    latency_ms: z.number().min(0).describe("From the first byte sent to the last received, in milliseconds."),
    stop_reason: text("Why the model stopped.").optional(),
    status: count("HTTP status of the answer; 0 when there was none, absent where nobody told it.").optional(),
    request_id: text("Id that the provider gave the request, for its support.").optional(),
    response_id: text("The answer's own id.").optional(),
    request_blob: digest("The request as sent, without credentials.").optional(),
    response_blob: digest("The answer as received, without its content coding.").optional(),
    unread: text("What of the exchange could not be read, and why: what it would tell is missing here.").optional(),
    error: text("What went wrong.").optional(),
  },
});
