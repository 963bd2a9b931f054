import { messagesOf } from "#nervous-system/codecs/exchange/context-window.ts";
import { createSseSplitter } from "#nervous-system/codecs/exchange/sse-events.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { parseExactIntegers } from "#nervous-system/recorder/exact-json.ts";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import type { Blobs } from "../blobs.ts";
import type { Step } from "./steps.ts";

/** What a model was shown, where that is from, and what it answered as the provider wrote it. */
export type Shown = {
  readonly messages: readonly unknown[];
  /** `request_blob`: exactly what was sent. `frames`: what the agent's frames say, of which nobody knows what the model was shown. */
  readonly messages_from: "request_blob" | "frames";
  /** Messages before these that are left out. */
  readonly messages_omitted?: number;
  /** Why the request itself is not there. */
  readonly messages_missing?: string;
  /** The answer's JSON; of a stream the JSON of each event. */
  readonly response?: unknown;
};

const parse = (text: string): unknown => {
  try {
    return parseExactIntegers(text);
  } catch {
    return undefined;
  }
};

/** The JSON in a body: itself, or the list of what a stream's events hold; undefined where there is none. */
const documentsIn = (bytes: Buffer): unknown => {
  const whole = parse(bytes.toString("utf8"));
  if (whole !== undefined) return whole;
  const splitter = createSseSplitter();
  const events = [...splitter.push(bytes), ...splitter.end()];
  const told = events.map(({ data }) => parse(data)).filter((value) => value !== undefined);
  return told.length === 0 ? undefined : told;
};

const fromFrames = ({ conversation: { messages, omitted } }: Step, why: string): Shown => ({
  messages,
  messages_from: "frames",
  ...(omitted === 0 ? {} : { messages_omitted: omitted }),
  messages_missing: why,
});

const shownBy = (step: Step, request: Buffer | undefined, digest: string): Shown => {
  if (request === undefined) return fromFrames(step, `there is no blob ${digest}`);
  const body = parse(request.toString("utf8"));
  if (!isJsonObject(body)) return fromFrames(step, `the blob ${digest} is no JSON object`);
  return { messages: messagesOf(body), messages_from: "request_blob" };
};

/** Reads what a step's model was shown and answered; without `blobs` what the frames say. */
export const readShown = async (step: Step, blobs: Pick<Blobs, "read"> | undefined): Promise<Shown> => {
  if (step.began.envelope.event_type !== "MODEL_CALL") return fromFrames(step, "no call of a model is recorded");
  if (blobs === undefined) return fromFrames(step, "no collector was named to read blobs from");
  const { request_blob: asked, response_blob: answered } = saidIn("MODEL_CALL", step.began.bytes);
  const shown =
    asked === undefined
      ? fromFrames(step, "the call tells no blob of its request")
      : shownBy(step, await blobs.read(asked), asked);
  const answer = answered === undefined ? undefined : await blobs.read(answered);
  const response = answer === undefined ? undefined : documentsIn(answer);
  return response === undefined ? shown : { ...shown, response };
};
