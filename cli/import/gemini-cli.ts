import { countAt, isJsonObject, known, objectAt, objectsAt, textAt, textOfContent, type Json } from "./fields.ts";
import { actionPayload } from "./open-calls.ts";
import { isOfGemini } from "./program-words.ts";
import {
  changePayload,
  messagePayload,
  type SessionOut,
  type SessionReader,
  type ToldChange,
} from "./session-frames.ts";

const NAME = "gemini-cli";
const ENDS = new Set(["success", "error", "cancelled"]);

/** What a later version of a message that leaves it out does not take back. */
const MEMBERS = new Set(["content", "model", "thoughts", "timestamp", "tokens", "toolCalls"]);

type Message = { id: string; at: string | undefined; value: Json };

const isToolResult = (content: unknown): boolean =>
  Array.isArray(content) &&
  content.length > 0 &&
  content.every((part) => isJsonObject(part) && isJsonObject(part["functionResponse"]));

const resultOf = (call: Json): string => {
  const { resultDisplay } = call;
  const responses = objectsAt(call, "result").map((part) => objectAt(objectAt(part, "functionResponse"), "response"));
  const texts = responses.map((one) => textAt(one, "output") ?? textAt(one, "error") ?? JSON.stringify(one));
  if (texts.length > 0) return texts.join("\n");
  return typeof resultDisplay === "string" ? resultDisplay : "";
};

const changeOf = (call: Json): ToldChange | undefined => {
  const display = objectAt(call, "resultDisplay");
  const path = textAt(objectAt(call, "args"), "file_path") ?? textAt(display, "fileName");
  const patch = textAt(display, "fileDiff");
  if (patch === undefined || path === undefined) return undefined;
  return { path, change: display["originalContent"] === null ? "added" : "modified", patch };
};

/** A message is written again while it grows and with each tool that answers: its last version is told, each part of it once. */
class GeminiReader implements SessionReader {
  private readonly out: SessionOut;
  /** The last message so far, of which a later version may follow. */
  private last: Message | undefined;
  private readonly told = new Set<string>();
  private readonly waiting = new Set<string>();

  constructor(out: SessionOut) {
    this.out = out;
  }

  take(entry: Json, line: number): void {
    const update = objectAt(entry, "$set");
    const messages = [...objectsAt(entry, "messages"), ...objectsAt(update, "messages")];
    for (const message of messages) this.message(message, line);
    if (messages.length > 0) return;
    if (textAt(entry, "$rewindTo") !== undefined) this.out.leaveOut("a rewind: what was said before it stays");
    else if (Object.keys(update).length > 0 || textAt(entry, "projectHash") !== undefined)
      this.out.leaveOut("metadata");
    else this.message(entry, line);
  }

  open(): number {
    return this.waiting.size;
  }

  end(): void {
    this.tellLast(false);
  }

  /** Calls answer in any order: while the message grows, those behind one that waits are told after it. */
  private tellLast(isOver: boolean): void {
    const message = this.last;
    if (message === undefined) return;
    this.last = undefined;
    try {
      this.tellMessage(message, isOver);
    } catch {
      const { id, value } = message;
      this.out.keep("an entry that cannot be read", { key: `unread/${id}`, at: undefined, value });
    }
  }

  private tellMessage(message: Message, isOver: boolean): void {
    const { id, at, value } = message;
    const type = textAt(value, "type") ?? "";
    if (type === "user") this.user(message);
    else if (type === "gemini") this.gemini(message, isOver);
    else if (type === "error") this.once(message, "error", "ERROR", { message: this.textOf(value), fatal: false });
    else this.out.keep(type === "" ? "an entry without a type" : type, { key: id, at, value });
  }

  private message(value: Json, line: number): void {
    const number = countAt(value, "messageId"); // of logs.json, which holds several sessions
    const id =
      textAt(value, "id") ?? (number === undefined ? String(line) : `${textAt(value, "sessionId") ?? ""}/${number}`);
    if (id !== this.last?.id) this.tellLast(true);
    const earlier =
      this.last === undefined ? [] : Object.entries(this.last.value).filter(([name]) => MEMBERS.has(name));
    const whole = { ...Object.fromEntries(earlier), ...value };
    this.last = { id, at: textAt(whole, "timestamp"), value: whole };
  }

  private textOf(value: Json): string {
    return textOfContent(value["content"] ?? value["message"]);
  }

  private user(message: Message): void {
    if (isToolResult(message.value["content"])) return this.out.leaveOut("results of tools, which their calls tell");
    const text = this.textOf(message.value);
    this.once(message, "text", "MESSAGE", messagePayload(isOfGemini(text) ? NAME : "user", NAME, text));
  }

  private gemini(message: Message, isOver: boolean): void {
    const { value, at } = message;
    for (const [index, thought] of objectsAt(value, "thoughts").entries()) {
      const text = [textAt(thought, "subject"), textAt(thought, "description")].filter(Boolean).join(": ");
      this.once({ ...message, at: textAt(thought, "timestamp") ?? at }, `thought/${index}`, "THOUGHT", { text });
    }
    const text = this.textOf(value);
    if (text !== "") this.once(message, "text", "MESSAGE", messagePayload(NAME, "user", text));
    this.usage(message);
    this.calls(message, isOver);
  }

  private calls(message: Message, isOver: boolean): void {
    let isReady = true;
    for (const [index, call] of objectsAt(message.value, "toolCalls").entries()) {
      const key = `tool/${textAt(call, "id") ?? `#${index}`}`;
      const hasEnded = ENDS.has(textAt(call, "status") ?? "");
      isReady &&= hasEnded || isOver;
      if (!hasEnded) this.waiting.add(`${message.id}/${key}`);
      else if (isReady) this.call(call, key, message);
    }
  }

  private usage(message: Message): void {
    const tokens = objectAt(message.value, "tokens");
    if (Object.keys(tokens).length === 0) return;
    const thinking = countAt(tokens, "thoughts") ?? 0;
    const payload = known({
      provider: "google",
      model: textAt(message.value, "model"),
      input_tokens: countAt(tokens, "input"),
      cached_tokens: countAt(tokens, "cached"),
      output_tokens: (countAt(tokens, "output") ?? 0) + thinking,
      reasoning_tokens: thinking,
    });
    this.once(message, "usage", "CHAT", payload);
  }

  private call(call: Json, key: string, message: Message): void {
    const status = textAt(call, "status");
    this.waiting.delete(`${message.id}/${key}`);
    const at = textAt(call, "timestamp") ?? message.at;
    const tool = textAt(call, "name") ?? "unknown";
    const begun = { tool, arguments: call["args"], at: message.at, directory: undefined };
    const done = { result: resultOf(call), ok: status === "success", at };
    this.once({ ...message, at }, key, "ACTION", actionPayload(begun, done));
    const change = status === "success" ? changeOf(call) : undefined;
    if (change === undefined) return;
    this.once({ ...message, at }, `${key}/change`, "STATE_CHANGE", changePayload(change, undefined, tool));
  }

  private once({ id, at }: Message, part: string, type: string, payload: Json): void {
    const key = `${id}/${part}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    this.out.tell({ key, at, type, payload });
  }
}

/** Reads a session of Gemini CLI (`chats/session-*` or `logs.json` below `~/.gemini/tmp`); its messages are known by their id. */
export const createGeminiReader = (out: SessionOut): SessionReader => new GeminiReader(out);
