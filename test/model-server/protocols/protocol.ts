import type { ChatRequest } from "../conversation.ts";
import type { Answer } from "../scenario.ts";

/** An answer that is about to be said, and what it answers. */
export type Turn = {
  readonly request: ChatRequest;
  readonly answer: Answer;
  readonly turn: number;
  /** Tells the ids of this answer from those of all others. */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
};

/** One event of a stream. */
export type StreamEvent = { readonly event?: string; readonly data: unknown };

/** One provider's protocol. */
export type Protocol = {
  /** The conversation in the form of chat completions, by which scenarios are told; throws for what is no request. */
  read(body: unknown, model: string | undefined): ChatRequest;
  /** An answer in one document. */
  whole(turn: Turn): unknown;
  /** The same as a stream, texts and arguments in pieces. */
  stream(turn: Turn): readonly StreamEvent[];
  /** What ends a stream behind its events. */
  readonly end?: string;
};

/** Four characters a token is the usual rule of thumb; the point is that counts are there and grow with the conversation. */
export const countTokens = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4);

/** A text in two pieces, or none where it is empty. */
export const halves = (text: string): string[] => {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((piece) => piece !== "");
};

type Call = { readonly id: string; readonly name: string; readonly arguments: string };

/** The tools that an answer calls, arguments as text. */
export const callsOf = ({ answer, id }: Turn): readonly Call[] =>
  answer.tools.map((tool, index) => ({
    id: `call_${id}_${index}`,
    name: tool.name,
    arguments: typeof tool.arguments === "string" ? tool.arguments : JSON.stringify(tool.arguments),
  }));
