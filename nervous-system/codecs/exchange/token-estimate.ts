import type { Fields } from "./fields.ts";

// Prose has four bytes a token and more, code three, and the densest that models write, such as hexadecimal, two.
const BYTES_A_TOKEN = 2;

/** Tokens that so many bytes of text are, rather too many than too few. */
export const tokensOfBytes = (bytes: number): number => Math.ceil(bytes / BYTES_A_TOKEN);

// Deeper than anything that a provider writes: what an endpoint nests to exhaust the stack is not looked at.
const MAX_DEPTH = 64;

// Words of the protocol, which stand in each event.
const unsaid: ReadonlySet<string> = new Set(["type", "role", "id", "finish_reason", "finishReason", "logprobs"]);

const bytesIn = (value: unknown, depth = 0): number => {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return 0;
  let bytes = 0;
  for (const [name, inner] of Object.entries(value)) if (!unsaid.has(name)) bytes += bytesIn(inner, depth + 1);
  return bytes;
};

// Where documents of all protocols have what a model said; `output` is told again at the end of a stream.
const spoken = ["choices", "delta", "content", "content_block", "candidates"];
const spokenInWhole = [...spoken, "output"];

/** Gathers how much a model said; vectors and usage are nothing said. */
export type SpokenTokens = {
  /** Takes a document of an answer: an event of a stream, or a whole one. */
  add(layers: readonly Fields[], isEvent: boolean): void;
  /** Tokens of it at a guess: what an event holds is one at least. */
  tokens(): number;
};

/** Creates a gathering of nothing. */
export const createSpokenTokens = (): SpokenTokens => {
  let bytes = 0;
  let events = 0;
  return {
    add: (layers, isEvent) => {
      const members = isEvent ? spoken : spokenInWhole;
      const said = layers.reduce((sum, layer) => sum + members.reduce((all, name) => all + bytesIn(layer[name]), 0), 0);
      bytes += said;
      if (said > 0) events += 1;
    },
    tokens: () => Math.max(events, tokensOfBytes(bytes)),
  };
};

// Of an image or a page at high resolution providers make so many tokens; what is larger has more pages, or seconds.
const TOKENS_OF_MEDIA = 2_000;
const BYTES_A_TOKEN_OF_MEDIA = 64;
const LEAST_MEDIA_BYTES = 1_024;
const mediaMembers: ReadonlySet<string> = new Set(["data", "url", "image_url", "video_url", "file_url", "file_data"]);

/** Images, sound and files that stand in a request; a text that only has their place is none. */
const isMedia = (name: string, text: string): boolean =>
  mediaMembers.has(name) && text.length >= LEAST_MEDIA_BYTES && /^(data:[^,]{0,200},)?[A-Za-z0-9+/_=-]*$/.test(text);

/** Tokens of a request of `bytes` at a guess. */
export const tokensOfRequest = (request: Fields, bytes: number): number => {
  let media = 0;
  let text = bytes;
  const waiting: Fields[] = [request];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop())
    // Without pairs of names and values: a body may have 200,000 members.
    for (const name of Object.keys(one)) {
      const value = one[name];
      if (typeof value === "object" && value !== null) waiting.push(value as Fields);
      if (typeof value !== "string" || !isMedia(name, value)) continue;
      text -= value.length;
      media += Math.max(TOKENS_OF_MEDIA, Math.ceil(value.length / BYTES_A_TOKEN_OF_MEDIA));
    }
  return media + tokensOfBytes(text);
};
