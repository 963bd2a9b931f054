import { readPayload, tell, type ByType } from "#nervous-system/fold/read-frame.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { exactPayload } from "./exact-payload.ts";

/** A message as chat templates take it. */
export type ChatMessage = {
  readonly role: "user" | "assistant" | "tool";
  readonly content: string;
  readonly name?: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: ReadonlyArray<{
    readonly id: string;
    readonly type: "function";
    readonly function: { readonly name: string; readonly arguments: string };
  }>;
};

const text = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);

const said = (content: string): ChatMessage[] => (content === "" ? [] : [{ role: "assistant", content }]);

const own: Partial<ByType<(id: string) => ChatMessage[]>> = {
  THOUGHT:
    ({ given }) =>
    () =>
      said(text(given.text)),
  DECISION_RATIONALE:
    ({ given }) =>
    () =>
      said([text(given.reasoning), text(given.selected_strategy)].filter((part) => part !== "").join("\n")),
  MESSAGE:
    ({ given }) =>
    () =>
      said(text(given.text)),
  ACTION:
    ({ given }) =>
    (id) => {
      const call = { name: text(given.tool), arguments: text(given.arguments ?? {}) };
      return [
        { role: "assistant", content: "", tool_calls: [{ id, type: "function", function: call }] },
        { role: "tool", tool_call_id: id, content: text(given.error ?? given.result) },
      ];
    },
};

/** What an agent's own frame adds to its conversation. */
export const ownMessages = ({ envelope, bytes }: RecordedFrame): readonly ChatMessage[] =>
  tell(own, readPayload(envelope.event_type, exactPayload(bytes)))?.(envelope.event_id) ?? [];

const MAX_MESSAGES = 100;
const MAX_CHARACTERS = 1024 * 1024;

const sizeOf = ({ content, tool_calls: calls = [] }: ChatMessage): number =>
  content.length + calls.reduce((sum, { function: call }) => sum + call.arguments.length, 0);

/** The last messages of one agent, of which nobody knows how many its model was shown. */
export class Conversation {
  private messages: ChatMessage[] = [];
  private characters = 0;
  private dropped: number;

  /** One that goes on after so many messages that nobody has any more. */
  constructor(dropped = 0) {
    this.dropped = dropped;
  }

  /** How many messages it had, those that are left out among them. */
  get length(): number {
    return this.dropped + this.messages.length;
  }

  add(messages: readonly ChatMessage[]): void {
    for (const message of messages) {
      this.messages.push(message);
      this.characters += sizeOf(message);
    }
    while (this.messages.length > MAX_MESSAGES || (this.characters > MAX_CHARACTERS && this.messages.length > 1)) {
      this.characters -= sizeOf(this.messages.shift() as ChatMessage);
      this.dropped += 1;
    }
  }

  /** What there is now, and how many messages before it are left out. */
  now(): { readonly messages: readonly ChatMessage[]; readonly omitted: number } {
    return { messages: [...this.messages], omitted: this.dropped };
  }
}
