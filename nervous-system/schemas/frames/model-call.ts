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
    context_window: texts("Hash of each message sent, in order.").optional(),
    input_tokens: count("Tokens sent, as the provider counted.").optional(),
    output_tokens: count("Tokens answered, as the provider counted.").optional(),
    latency_ms: z.number().min(0).describe("From the first byte sent to the last received, in milliseconds."),
    stop_reason: text("Why the model stopped.").optional(),
    status: count("HTTP status of the answer; 0 when there was none."),
    request_blob: digest("The request as sent, without credentials.").optional(),
    response_blob: digest("The answer as received.").optional(),
    error: text("What went wrong.").optional(),
  },
});
