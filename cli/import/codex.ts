import { ForkWatch } from "./codex-fork.ts";
import { markCopies } from "./copied.ts";
import { changesInEnvelope } from "./patch-envelope.ts";
import { countAt, isJsonObject, known, objectAt, objectsAt, textAt, textOfContent, type Json } from "./fields.ts";
import { actionPayload, createOpenCalls, type OpenCall } from "./open-calls.ts";
import {
  changePayload,
  messagePayload,
  takerOf,
  type SessionOut,
  type SessionReader,
  type Takers,
} from "./session-frames.ts";
import { decodedJson, readOutput } from "./codex-output.ts";

const NAME = "codex";

/** What response items tell, or turns of the program itself. */
const TOLD_ELSEWHERE = new Set([
  "agent_message",
  "agent_reasoning",
  "agent_reasoning_raw_content",
  "agent_reasoning_section_break",
  "exec_command_begin",
  "exec_command_end",
  "item_completed",
  "item_started",
  "mcp_tool_call_begin",
  "mcp_tool_call_end",
  "patch_apply_begin",
  "patch_apply_end",
  "task_complete",
  "task_started",
  "thread_name_updated",
  "thread_settings_applied",
  "turn_diff",
  "user_message",
  "web_search_begin",
  "web_search_end",
]);

type Line = { key: string; at: string | undefined };

const patchIn = (args: unknown): string | undefined => {
  if (typeof args === "string") return args;
  if (!isJsonObject(args)) return undefined;
  const command = args["command"];
  if (typeof args["input"] === "string") return args["input"];
  return Array.isArray(command) && command[0] === "apply_patch" ? String(command[1]) : undefined;
};

class CodexReader implements SessionReader {
  private readonly out: SessionOut;
  private readonly fork = new ForkWatch();
  private copiedFrom: string | undefined;
  private readonly calls = createOpenCalls();
  private directory: string | undefined;
  private provider: string | undefined;
  private model: string | undefined;
  private hasUsageRecords = false;
  /** What was used in all when it was told last: the same again is told no second time. */
  private total = "";
  private readonly lines: Takers<Line> = {
    session_meta: (payload, line) => this.meta(payload, line),
    turn_context: (payload) => this.context(payload),
    event_msg: (payload, line) => this.event(payload, line),
    token_usage_record: (payload, line) => this.usageRecord(payload, line),
    world_state: () => this.out.leaveOut("world_state"),
  };
  private readonly events: Takers<Line> = {
    token_count: (payload, line) => this.tokenCount(payload, line),
    turn_aborted: (payload, line) => this.error(`the turn was aborted: ${textAt(payload, "reason") ?? ""}`, line),
    error: (payload, line) => this.error(textOfContent(payload["message"]), line),
    stream_error: (payload, line) => this.error(textOfContent(payload["message"]), line),
  };
  private readonly items: Takers<Line> = {
    message: (payload, line) => this.message(payload, line),
    reasoning: (payload, line) => this.reasoning(payload, line),
    function_call: (payload, line) => this.call(payload, line),
    custom_tool_call: (payload, line) => this.call(payload, line),
    local_shell_call: (payload, line) => this.call(payload, line),
    function_call_output: (payload, line) => this.result(payload, line),
    custom_tool_call_output: (payload, line) => this.result(payload, line),
    web_search_call: (payload, line) => this.search(payload, line),
  };

  constructor(out: SessionOut) {
    this.out = markCopies(out, () => this.copiedFrom);
  }

  take(entry: Json, number: number): void {
    const line = { key: String(number), at: textAt(entry, "timestamp") };
    const type = textAt(entry, "type") ?? "";
    // Until the autumn of 2025 items stood in the file without a `payload`.
    const payload = isJsonObject(entry["payload"]) ? entry["payload"] : entry;
    const taker = takerOf(this.lines, type);
    this.copiedFrom = this.fork.see({ type, payload, at: line.at });
    if (taker !== undefined) taker(payload, line);
    else if (entry["record_type"] === "state") this.out.leaveOut("state");
    else if (type === "" && textAt(entry, "id") !== undefined) this.meta(entry, line);
    else this.item(payload, line);
  }

  open(): number {
    return this.calls.count();
  }

  private meta(payload: Json, { key, at }: Line): void {
    const directory = textAt(payload, "cwd");
    if (this.copiedFrom === undefined) {
      this.directory = directory;
      this.provider = textAt(payload, "model_provider");
    }
    const commit = textAt(objectAt(payload, "git"), "commit_hash");
    const start = { phase: "Started", attempt: 1, program: NAME, directory, commit };
    this.out.tell({ key, at, type: "LIFECYCLE", payload: known(start) });
  }

  private context(payload: Json): void {
    this.directory = textAt(payload, "cwd") ?? this.directory;
    this.model = textAt(payload, "model") ?? this.model;
    this.out.leaveOut("turn_context");
  }

  private event(payload: Json, line: Line): void {
    const type = textAt(payload, "type") ?? "";
    const taker = takerOf(this.events, type);
    if (taker !== undefined) taker(payload, line);
    else if (TOLD_ELSEWHERE.has(type)) this.out.leaveOut(type);
    else this.out.keep(`event_msg ${type}`, { ...line, value: payload });
  }

  private error(message: string, line: Line): void {
    this.out.tell({ ...line, type: "ERROR", payload: { message, fatal: false } });
  }

  private tokenCount(payload: Json, line: Line): void {
    const info = objectAt(payload, "info");
    const usage = objectAt(info, "last_token_usage");
    const total = isJsonObject(info["total_token_usage"]) ? JSON.stringify(info["total_token_usage"]) : "";
    const isTold = this.hasUsageRecords || (total !== "" && total === this.total);
    if (isTold || Object.keys(usage).length === 0) return this.out.leaveOut("token_count");
    this.total = total;
    this.usage(usage, undefined, line);
  }

  private usageRecord(payload: Json, line: Line): void {
    this.hasUsageRecords = true;
    this.usage(objectAt(payload, "usage"), textAt(payload, "response_id"), line);
  }

  private usage(usage: Json, responseId: string | undefined, line: Line): void {
    const payload = known({
      provider: this.provider,
      model: this.model,
      input_tokens: countAt(usage, "input_tokens"),
      cached_tokens: countAt(usage, "cached_input_tokens"),
      output_tokens: countAt(usage, "output_tokens"),
      reasoning_tokens: countAt(usage, "reasoning_output_tokens"),
      response_id: responseId,
    });
    this.out.tell({ ...line, type: "CHAT", payload });
  }

  private item(payload: Json, line: Line): void {
    const type = textAt(payload, "type") ?? "";
    const taker = takerOf(this.items, type);
    if (taker !== undefined) taker(payload, line);
    else this.out.keep(type === "" ? "an entry without a type" : type, { ...line, value: payload });
  }

  private message(payload: Json, line: Line): void {
    const role = textAt(payload, "role") ?? "unknown";
    const text = textOfContent(payload["content"]);
    const told = role === "assistant" ? messagePayload(NAME, "user", text) : messagePayload(role, NAME, text);
    this.out.tell({ ...line, type: "MESSAGE", payload: told });
  }

  private reasoning(payload: Json, line: Line): void {
    const parts = [...objectsAt(payload, "summary"), ...objectsAt(payload, "content")];
    const text = parts.map((part) => textAt(part, "text") ?? "").join("\n");
    if (text === "") this.out.leaveOut("reasoning that its provider keeps secret");
    else this.out.tell({ ...line, type: "THOUGHT", payload: { text } });
  }

  private call(payload: Json, { key, at }: Line): void {
    const args = payload["arguments"] ?? payload["input"] ?? objectAt(payload, "action");
    const tool = textAt(payload, "name") ?? "shell";
    const call = { tool, arguments: typeof args === "string" ? decodedJson(args) : args, at };
    this.calls.open(textAt(payload, "call_id") ?? key, { ...call, directory: this.directory });
  }

  private result(payload: Json, { key, at }: Line): void {
    const call = this.calls.close(textAt(payload, "call_id") ?? "");
    if (call === undefined) return this.out.keep("a result without its call", { key, at, value: payload });
    const { text, ok, durationMs } = readOutput(payload["output"]);
    const done = { result: text, ok, at, durationMs };
    this.out.tell({ key, at, type: "ACTION", payload: actionPayload(call, done) });
    if (ok) this.changes(call, { key, at });
  }

  private changes(call: OpenCall, { key, at }: Line): void {
    const { changes, left } = changesInEnvelope(patchIn(call.arguments) ?? "");
    for (const [index, change] of changes.entries()) {
      const payload = changePayload(change, call.directory, call.tool);
      this.out.tell({ key: `${key}/${index}`, at, type: "STATE_CHANGE", payload });
    }
    const value = { tool: call.tool, changes: left };
    if (left > 0) this.out.keep("changes of one patch behind the first 1,000", { key: `${key}/left`, at, value });
  }

  private search(payload: Json, { key, at }: Line): void {
    const call = { tool: "web_search", arguments: objectAt(payload, "action"), at, directory: this.directory };
    const status = textAt(payload, "status") ?? "";
    const done = { result: status, ok: status === "completed", at };
    this.out.tell({ key, at, type: "ACTION", payload: actionPayload(call, done) });
  }
}

/** Reads a rollout of Codex (`rollout-*.jsonl` below `~/.codex/sessions`); its entries are known by their line. */
export const createCodexReader = (out: SessionOut): SessionReader => new CodexReader(out);
