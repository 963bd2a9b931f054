import { setImmediate } from "node:timers/promises";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { createCalledTools } from "./called-tools.ts";
import { parseJson, presentOf, textOf, type Fields } from "./fields.ts";
import { protocols } from "./protocols.ts";
import { errorOf, readErrorBody } from "./provider-error.ts";
import { createSseSplitter, type SseEvent } from "./sse-events.ts";
import { createSpokenTokens } from "./token-estimate.ts";
import { createUsageCounter, type UsageFacts } from "./usage-shapes.ts";

/** What an answer of a model says about itself; absent where it does not. */
export type AnswerFacts = UsageFacts & {
  /** The model that answered, in the provider's words. */
  readonly model?: string;
  /** The answer's own id. */
  readonly id?: string;
  /** Names of the tools that the model calls, in order. */
  readonly toolsCalled?: readonly string[];
  readonly stopReason?: string;
  readonly error?: string;
};

/** One decoded event of a streamed answer. */
export type StreamStep = {
  /** Whether it holds JSON, or is the mark that ends a stream. */
  readonly read: boolean;
  /** Whether this event tells the client that the answer is complete. */
  readonly last: boolean;
  /** Whether this event holds nothing but token counts (OpenAI, `stream_options.include_usage`). */
  readonly usageOnly: boolean;
  /** Whether it holds something that the model said, thought or called. */
  readonly content: boolean;
};

/** Gathers the facts of one answer in any of the protocols, streamed or whole. */
export type AnswerReader = {
  readEvent(event: { readonly event: string; readonly data: string }): StreamStep;
  /** Reads a body that is there in full: JSON, or events, and those some at a time; answers whether it was either. */
  readWhole(text: string): Promise<boolean>;
  facts(): AnswerFacts;
  /** Tokens of what the model said, at a guess that is rather too high. */
  spokenTokens(): number;
};

/** A document and what it wraps: Anthropic opens a stream with {message}, OpenAI's responses end one with {response}. */
const layersOf = (document: Fields): readonly Fields[] => [
  document,
  ...[document["message"], document["response"]].filter(isJsonObject),
];

/** The JSON objects in a text: one, or a list of them as Gemini streams it; none where the text is no JSON. */
const documentsIn = (text: string): readonly Fields[] => {
  const value = /^\uFEFF?\s*[{[]/.test(text) ? parseJson(text) : undefined; // to find by an exception that it is none costs more
  return (Array.isArray(value) ? value : [value]).filter(isJsonObject);
};

/** The same for an event, whose name tells the type where its data do not; an error may be a text without JSON. */
const documentsOfEvent = (event: string, documents: readonly Fields[], data: string): readonly Fields[] => {
  if (event === "") return documents;
  const told = documents.length === 0 && event === "error" ? [{ error: data }] : documents;
  return told.map((document) => ({ type: event, ...document }));
};

const isUsageOnly = ({ choices, usage }: Fields): boolean =>
  Array.isArray(choices) && choices.length === 0 && typeof usage === "object" && usage !== null;

type Said = Pick<AnswerFacts, "model" | "id" | "stopReason" | "error">;

const saidIn = (layer: Fields): Said =>
  presentOf({
    model: textOf(layer["model"], layer["modelVersion"]),
    id: textOf(layer["id"], layer["responseId"]),
    stopReason: textOf(...protocols.map(({ stopReason }) => stopReason(layer))),
    error: errorOf(layer)?.text,
  });

const createGatherer = () => {
  const usage = createUsageCounter();
  const called = createCalledTools();
  let said: Said = {};
  return {
    take: (layer: Fields): void => {
      usage.add(layer);
      said = { ...said, ...saidIn(layer) };
      for (const call of protocols.flatMap((protocol) => protocol.calls(layer))) called.add(call);
    },
    fail: (error: string | undefined): void => {
      said = { ...presentOf({ error }), ...said };
    },
    facts: (): AnswerFacts => {
      const toolsCalled = called.names();
      return { ...said, ...usage.facts(), ...(toolsCalled.length > 0 ? { toolsCalled } : {}) };
    },
  };
};

const isFailure = (status: number): boolean => status >= 400;

// One event a token: the longest answers have some 130,000. Whoever sends more, or none in JSON, costs no more time.
const MAX_EVENTS = 250_000;
const MAX_BROKEN_EVENTS = 1_000;
const SLICE_BYTES = 64 * 1024;
const nothing: StreamStep = { read: false, last: false, usageOnly: false, content: false };

/** Creates a reader for one answer; of one whose HTTP `status` tells a failure, whatever it says is taken for the error. */
export const createAnswerReader = (status = 200): AnswerReader => {
  const gathered = createGatherer();
  const spoken = createSpokenTokens();
  const takeAll = (layers: readonly Fields[], isEvent: boolean): readonly Fields[] => {
    for (const layer of layers) gathered.take(layer);
    spoken.add(layers, isEvent);
    return layers;
  };
  let events = 0;
  let broken = 0;
  const readEvent: AnswerReader["readEvent"] = ({ event, data }) => {
    const said = data.trim();
    if (said === "[DONE]") return { ...nothing, read: true, last: true };
    if (said === "" || (events += 1) > MAX_EVENTS || broken > MAX_BROKEN_EVENTS) return nothing;
    const found = documentsIn(said);
    if (found.length === 0) broken += 1;
    const documents = documentsOfEvent(event, found, data);
    const layers = takeAll(documents.flatMap(layersOf), true);
    const says = (what: "isLast" | "hasContent"): boolean =>
      layers.some((layer) => protocols.some((protocol) => protocol[what](layer)));
    return {
      read: documents.length > 0,
      last: says("isLast") || documents.some(({ type }) => type === "error"),
      usageOnly: documents.length > 0 && documents.every(isUsageOnly),
      content: says("hasContent"),
    };
  };
  const readEvents = async (text: string): Promise<boolean> => {
    const splitter = createSseSplitter();
    const bytes = Buffer.from(text);
    let isRead = false;
    const readAll = (some: readonly SseEvent[]): void => {
      for (const event of some) isRead = readEvent(event).read || isRead;
    };
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      readAll(splitter.push(bytes.subarray(at, at + SLICE_BYTES)));
      await setImmediate(); // others are served in between
    }
    readAll(splitter.end());
    return isRead;
  };
  return {
    readEvent,
    readWhole: async (text) => {
      const documents = documentsIn(text);
      takeAll(documents.flatMap(layersOf), false);
      const isRead = documents.length > 0 || (await readEvents(text));
      if (isFailure(status)) gathered.fail(readErrorBody(text)?.text);
      return isRead;
    },
    facts: gathered.facts,
    spokenTokens: spoken.tokens,
  };
};
