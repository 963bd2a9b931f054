import { memberAt, fieldsOf, parseJson } from "#nervous-system/codecs/exchange/fields.ts";
import { createUsageCounter, type UsageFacts } from "#nervous-system/codecs/exchange/usage-shapes.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { postJson, type JsonAnswer } from "#pipeline/endpoint/post-json.ts";
import { afterMsOf, refusesTexts } from "#pipeline/endpoint/refusal.ts";
import { within } from "#pipeline/endpoint/within.ts";
import { messagesAbout } from "#pipeline/summarizer/summary-prompt.ts";
import { withoutThinking } from "#pipeline/summarizer/thinking.ts";

/** An endpoint that speaks OpenAI's `POST /v1/chat/completions`. */
export type SummaryModelOptions = {
  /** Its base, such as `https://host/v1`. */
  readonly url: string;
  readonly caPem?: string | undefined;
  readonly model: string;
  /** The key as it is now; undefined where none is asked for. */
  readonly readKey: () => Promise<string | undefined>;
  readonly clock: Pick<Clock, "after">;
};

/** What the model said: anybody's words, as they came; `key` is what it was asked with. */
export type ModelAnswer = { readonly text: string; readonly usage: UsageFacts; readonly key: string | undefined };

/** Asks a model for the summary of some notes, once. Rejects with `NoSummary`, or with the signal's reason. */
export type SummaryModel = {
  readonly name: string;
  ask(notes: string, signal: AbortSignal): Promise<ModelAnswer>;
};

/**
 * The model gave no summary: its endpoint is `away`, will have none of these notes (`refused`), or said what is none (`unusable`),
 * which cost `usage` all the same.
 */
export class NoSummary extends Error {
  override readonly name = "NoSummary";
  readonly kind: "away" | "refused" | "unusable";
  readonly afterMs: number | undefined;
  readonly usage: UsageFacts;

  constructor(
    kind: NoSummary["kind"],
    message: string,
    more: { afterMs?: number | undefined; usage?: UsageFacts } = {},
  ) {
    super(message);
    this.kind = kind;
    this.afterMs = more.afterMs;
    this.usage = more.usage ?? {};
  }
}

// Thinking counts, too, where a model thinks.
const MAX_ANSWER_TOKENS = 2_048;
const MAX_ANSWER_BYTES = 256 * 1024;
const WITHIN_MS = 60_000;

/** The limit's name: OpenAI's newer models refuse the one that all others know. */
type LimitName = "max_tokens" | "max_completion_tokens";

// Its text may repeat the key or the notes: the status alone is told.
const refusedBy = ({ status, headers }: JsonAnswer): NoSummary =>
  new NoSummary(refusesTexts(status) ? "refused" : "away", `the summarizer's model answered ${status}`, {
    afterMs: afterMsOf(headers["retry-after"]),
  });

/** Why an answer ended that is not all that the model had to say. */
const cutOff: ReadonlySet<unknown> = new Set(["length", "content_filter"]);

const answerOf = ({ text }: JsonAnswer, key: string | undefined): ModelAnswer => {
  const document = fieldsOf(parseJson(text));
  const counter = createUsageCounter();
  counter.add(document);
  const usage = counter.facts();
  const content = memberAt(document, "choices", 0, "message", "content");
  const finish = memberAt(document, "choices", 0, "finish_reason");
  if (cutOff.has(finish))
    throw new NoSummary("unusable", `the summarizer's model was cut off: ${String(finish)}`, { usage });
  const said = typeof content === "string" ? withoutThinking(content) : "";
  if (said.trim() === "") throw new NoSummary("unusable", "the summarizer's model answered without a text", { usage });
  return { text: said, usage, key };
};

/** Creates the model of an OpenAI-compatible endpoint. */
export const createSummaryModel = ({ url, caPem, model, readKey, clock }: SummaryModelOptions): SummaryModel => {
  const endpoint = new URL(`${url.replace(/\/+$/, "")}/chat/completions`);
  let limit: LimitName = "max_tokens";
  const askOnce = async (notes: string, signal: AbortSignal): Promise<ModelAnswer> => {
    const key = await readKey();
    const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const body = { model, messages: messagesAbout(notes), [limit]: MAX_ANSWER_TOKENS };
    const answer = await postJson({ url: endpoint, caPem, headers, body, maxBytes: MAX_ANSWER_BYTES, signal });
    if (answer.status === 200) return answerOf(answer, key);
    if (answer.status !== 400 || limit !== "max_tokens" || !answer.text.includes("max_completion_tokens"))
      throw refusedBy(answer);
    limit = "max_completion_tokens";
    return askOnce(notes, signal);
  };
  return {
    name: model,
    ask: async (notes, signal) => {
      try {
        return await within({ clock, limitMs: WITHIN_MS, signal }, (own) => askOnce(notes, own));
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NoSummary) throw error;
        throw new NoSummary("away", `the summarizer's model cannot be asked: ${String(error)}`);
      }
    },
  };
};
