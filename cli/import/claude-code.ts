import { unifiedPatch } from "./claude-patch.ts";
import { markCopies } from "./copied.ts";
import { countAt, isJsonObject, known, objectAt, objectsAt, textAt, textOfContent, type Json } from "./fields.ts";
import { actionPayload, createOpenCalls, type OpenCall } from "./open-calls.ts";
import { isOfClaude } from "./program-words.ts";
import {
  changePayload,
  messagePayload,
  takerOf,
  type SessionOut,
  type SessionReader,
  type Takers,
} from "./session-frames.ts";

const NAME = "claude-code";

/** What Claude Code keeps for itself in a session's file. */
const HOUSEKEEPING = new Set([
  "agent-name",
  "ai-title",
  "custom-title",
  "file-history-snapshot",
  "last-prompt",
  "permission-mode",
  "progress",
  "queue-operation",
  "summary",
  "tag",
]);

const WRITES = new Set(["Edit", "MultiEdit", "Write", "NotebookEdit"]);

type Entry = { key: string; at: string | undefined; directory: string | undefined; value: Json };

/** So many sub-agents answer at once. */
const MOST_ANSWERS = 64;

/** An answer as far as it is read: its last entry. */
type Answer = { id: string; entry: Entry; message: Json };

/** Who writes an entry: older versions have those of sub-agents in the file of their session. */
const threadOf = ({ value }: Entry): string =>
  textAt(value, "agentId") ?? (value["isSidechain"] === true ? "sub-agent" : "");

/** What `/branch` copies says from which session; what `--fork-session` copies does not. */
const parentOf = ({ value }: Entry): string | undefined => textAt(objectAt(value, "forkedFrom"), "sessionId");

const isResult = (block: Json): boolean => block["type"] === "tool_result";

const hasOnlyResults = (message: Json): boolean => {
  const blocks = objectsAt(message, "content");
  return blocks.length > 0 && blocks.every(isResult);
};

class ClaudeReader implements SessionReader {
  private readonly out: SessionOut;
  /** The session that the entry was copied from. */
  private copiedFrom: string | undefined;
  private readonly calls = createOpenCalls();
  /**
   * The answers that are being read, one of the session and one of each of its sub-agents: the blocks of an answer stand in
   * entries of their own, results of its calls may stand between them, and the last of them has its final usage.
   */
  private readonly answers = new Map<string, Answer>();

  /** Answers whose usage is told. */
  private readonly told = new Set<string>();

  private readonly blocks: Takers<Entry> = {
    text: (block, entry) => this.text(block, entry),
    thinking: (block, entry) => this.thinking(block, entry),
    redacted_thinking: (block, entry) => this.thinking(block, entry),
    tool_use: (block, entry) => this.call(block, entry),
  };

  constructor(out: SessionOut) {
    this.out = markCopies(out, () => this.copiedFrom);
  }

  take(value: Json, line: number): void {
    const key = textAt(value, "uuid") ?? String(line);
    const entry = { key, at: textAt(value, "timestamp"), directory: textAt(value, "cwd"), value };
    const type = textAt(value, "type") ?? "";
    const message = objectAt(value, "message");
    this.copiedFrom = parentOf(entry);
    if (type === "assistant") return this.assistant(message, entry);
    if (type === "user" || type === "system") this.goOn(type, message, entry);
    if (type === "user") this.user(message, entry);
    else if (HOUSEKEEPING.has(type)) this.out.leaveOut(type);
    else this.out.keep(type === "" ? "an entry without a type" : type, { ...entry, value });
  }

  open(): number {
    return this.calls.count();
  }

  /** Results of calls end no answer that has not said why it stopped: more of its blocks may come. */
  private goOn(type: string, message: Json, entry: Entry): void {
    const answer = this.answers.get(threadOf(entry));
    if (answer === undefined) return;
    const isOpen = textAt(answer.message, "stop_reason") === undefined;
    if (type === "user" && isOpen && hasOnlyResults(message)) return;
    this.endAnswer(threadOf(entry));
  }

  private assistant(message: Json, entry: Entry): void {
    const id = textAt(message, "id") ?? entry.key;
    const thread = threadOf(entry);
    if (id !== this.answers.get(thread)?.id) this.endAnswer(thread);
    const [oldest] = this.answers.keys();
    if (oldest !== undefined && this.answers.size >= MOST_ANSWERS && !this.answers.has(thread)) this.endAnswer(oldest);
    this.answers.set(thread, { id, entry, message });
    if (entry.value["isApiErrorMessage"] === true) {
      const payload = { message: textOfContent(message["content"]), fatal: false };
      return this.out.tell({ ...entry, type: "ERROR", payload });
    }
    for (const [index, block] of objectsAt(message, "content").entries())
      this.block(block, { ...entry, key: `${entry.key}/${index}` });
    // What ends a turn has no entry behind it until somebody goes on.
    if (textAt(message, "stop_reason") === "end_turn") this.endAnswer(thread);
  }

  private endAnswer(thread: string): void {
    const answer = this.answers.get(thread);
    if (answer === undefined) return;
    const { id, entry, message } = answer;
    this.answers.delete(thread);
    const usage = objectAt(message, "usage");
    const isUsed = Object.keys(usage).length > 0 && entry.value["isApiErrorMessage"] !== true;
    if (!isUsed || this.told.has(id)) return;
    this.told.add(id);
    if (parentOf(entry) !== undefined) return this.out.leaveOut("CHAT copied from another session");
    const cached = countAt(usage, "cache_read_input_tokens");
    const sent = [countAt(usage, "input_tokens"), cached, countAt(usage, "cache_creation_input_tokens")];
    const payload = known({
      provider: "anthropic",
      model: textAt(message, "model"),
      // As the provider counts them, those from and into its cache stand beside the others.
      input_tokens: sent.reduce<number>((sum, count) => sum + (count ?? 0), 0),
      cached_tokens: cached,
      output_tokens: countAt(usage, "output_tokens"),
      stop_reason: textAt(message, "stop_reason"),
      response_id: textAt(message, "id"),
      request_id: textAt(entry.value, "requestId"),
    });
    this.out.tell({ key: `${entry.key}/usage`, at: entry.at, type: "CHAT", payload });
  }

  private block(block: Json, entry: Entry): void {
    const type = textAt(block, "type") ?? "";
    const taker = takerOf(this.blocks, type);
    if (taker !== undefined) taker(block, entry);
    else this.out.keep(type === "" ? "a block without a type" : type, { key: entry.key, at: entry.at, value: block });
  }

  private text(block: Json, { key, at, value }: Entry): void {
    const text = textAt(block, "text");
    const to = value["isSidechain"] === true ? NAME : "user";
    if (text === undefined) this.out.leaveOut("an empty text");
    else this.out.tell({ key, at, type: "MESSAGE", payload: messagePayload(NAME, to, text) });
  }

  private thinking(block: Json, { key, at }: Entry): void {
    const text = textAt(block, "thinking");
    if (text === undefined) this.out.leaveOut("thinking that its provider keeps secret");
    else this.out.tell({ key, at, type: "THOUGHT", payload: { text } });
  }

  private call(block: Json, { key, at, directory }: Entry): void {
    const call = { tool: textAt(block, "name") ?? "unknown", arguments: block["input"], at, directory };
    this.calls.open(textAt(block, "id") ?? key, call);
  }

  private user(message: Json, entry: Entry): void {
    const content = message["content"];
    const results = objectsAt(message, "content").filter(isResult);
    for (const result of results) this.result(result, entry);
    const words = Array.isArray(content) ? content.filter((block) => !results.includes(block as Json)) : content;
    const text = textOfContent(words);
    if (text === "" && results.length > 0) return;
    // The prompt of a sub-agent is the main agent's.
    const isOwn = ["isMeta", "isCompactSummary", "isSidechain"].some((mark) => entry.value[mark] === true);
    const from = isOwn || isOfClaude(text) ? NAME : "user";
    this.out.tell({ key: entry.key, at: entry.at, type: "MESSAGE", payload: messagePayload(from, NAME, text) });
  }

  private result(block: Json, { key, at, value }: Entry): void {
    const id = textAt(block, "tool_use_id") ?? "";
    const call = this.calls.close(id);
    const own = `${key}/${id}`;
    if (call === undefined) return this.out.keep("a result without its call", { key: own, at, value: block });
    const ok = block["is_error"] !== true;
    const done = { result: textOfContent(block["content"]), ok, at };
    this.out.tell({ key: own, at, type: "ACTION", payload: actionPayload(call, done) });
    if (ok && WRITES.has(call.tool))
      this.change(call, { key: `${own}/change`, at, result: objectAt(value, "toolUseResult") });
  }

  private change(call: OpenCall, { key, at, result }: { key: string; at: string | undefined; result: Json }): void {
    const args = isJsonObject(call.arguments) ? call.arguments : {};
    const path = textAt(result, "filePath") ?? textAt(args, "file_path") ?? textAt(args, "notebook_path");
    if (path === undefined) return;
    const change = textAt(result, "type") === "create" ? "added" : "modified";
    const patch = unifiedPatch(objectsAt(result, "structuredPatch")) ?? this.wholeFile(change, args);
    this.out.tell({
      key,
      at,
      type: "STATE_CHANGE",
      payload: changePayload({ path, change, patch }, call.directory, call.tool),
    });
  }

  /** A file that came is all new. */
  private wholeFile(change: string, args: Json): string | undefined {
    const content = textAt(args, "content");
    if (change !== "added" || content === undefined) return undefined;
    const lines = content.replace(/\n$/, "").split("\n");
    return [`@@ -0,0 +1,${lines.length} @@`, ...lines.map((line) => `+${line}`)].join("\n");
  }
}

/** Reads a session of Claude Code (`~/.claude/projects`, a file a session); its entries are known by their `uuid`. */
export const createClaudeReader = (out: SessionOut): SessionReader => new ClaudeReader(out);
