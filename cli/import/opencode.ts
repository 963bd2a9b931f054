import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { countAt, known, numberAt, objectAt, objectsAt, textAt, type Json } from "./fields.ts";
import { actionPayload } from "./open-calls.ts";
import {
  changePayload,
  messagePayload,
  takerOf,
  type SessionOut,
  type SessionReader,
  type Takers,
  type ToldChange,
} from "./session-frames.ts";

const NAME = "opencode";
/** The last two where they are empty. */
const LEFT_OUT = new Set(["step-start", "step-finish", "snapshot", "compaction", "text", "reasoning"]);

/** The end of the year 9999: a timestamp's year has four digits. */
const LAST_MS = 253_402_300_799_999;

const timeOf = (value: Json, ...names: readonly string[]): string | undefined => {
  const times = objectAt(value, "time");
  const ms = names.map((name) => countAt(times, name)).find((time) => time !== undefined);
  return ms === undefined || ms > LAST_MS ? undefined : renderTimestamp(BigInt(ms) * 1_000_000n);
};

/** A part of a message, and what it takes of its message. */
type Part = { key: string; at: string | undefined; value: Json; directory: string | undefined; role: string };

const resultOf = (state: Json): { result: string; ok: boolean } => {
  const exit = numberAt(objectAt(state, "metadata"), "exit") ?? 0;
  const ok = state["status"] === "completed" && exit === 0;
  return { result: textAt(state, "output") ?? textAt(state, "error") ?? "", ok };
};

/** What `edit` and `write` tell of their file. */
const changeOf = (state: Json): ToldChange | undefined => {
  const metadata = objectAt(state, "metadata");
  const patch = textAt(metadata, "diff");
  const path = textAt(objectAt(state, "input"), "filePath") ?? textAt(metadata, "filepath");
  if (path === undefined || (patch === undefined && metadata["exists"] === undefined)) return undefined;
  return { path, change: metadata["exists"] === false ? "added" : "modified", patch };
};

class OpencodeReader implements SessionReader {
  private readonly out: SessionOut;
  private waiting = 0;
  private readonly words: Takers<Part> = {
    text: ({ text }, { key, at, role, value }) => {
      const isAnswer = role === "assistant";
      // Synthetic words are the program's, such as a file that was named; ignored ones no model was shown.
      const from = isAnswer || value["synthetic"] === true || value["ignored"] === true ? NAME : "user";
      const to = isAnswer || value["ignored"] === true ? "user" : NAME;
      const payload = messagePayload(from, to, String(text));
      this.out.tell({ key, at, type: "MESSAGE", payload });
    },
    reasoning: ({ text }, { key, at }) => this.out.tell({ key, at, type: "THOUGHT", payload: { text } }),
  };

  constructor(out: SessionOut) {
    this.out = out;
  }

  take(session: Json): void {
    const info = objectAt(session, "info");
    const directory = textAt(info, "directory");
    const start = known({ phase: "Started", attempt: 1, program: NAME, directory });
    this.out.tell({ key: "start", at: timeOf(info, "created"), type: "LIFECYCLE", payload: start });
    for (const message of objectsAt(session, "messages")) this.message(message, directory);
  }

  open(): number {
    return this.waiting;
  }

  private message(message: Json, directory: string | undefined): void {
    const info = objectAt(message, "info");
    const id = textAt(info, "id") ?? "";
    const role = textAt(info, "role") ?? "";
    let at = timeOf(info, "created"); // of a part that tells no time, that of the one before
    const changed = new Set<string>();
    for (const [index, value] of objectsAt(message, "parts").entries()) {
      at = timeOf(value, "end", "start") ?? timeOf(objectAt(value, "state"), "end", "start") ?? at;
      const part = { key: textAt(value, "id") ?? `${id}/${index}`, at, value, directory, role };
      this.part(part, changed);
    }
    if (role === "assistant") this.answer(info, id);
  }

  private answer(info: Json, id: string): void {
    const at = timeOf(info, "completed", "created");
    const error = objectAt(info, "error");
    if (Object.keys(error).length > 0) {
      const message = textAt(objectAt(error, "data"), "message") ?? textAt(error, "name") ?? "it failed";
      this.out.tell({ key: `${id}/error`, at, type: "ERROR", payload: { message, fatal: false } });
    }
    if (timeOf(info, "completed") === undefined) return;
    const tokens = objectAt(info, "tokens");
    const cache = objectAt(tokens, "cache");
    const cached = countAt(cache, "read") ?? 0;
    const reasoning = countAt(tokens, "reasoning") ?? 0;
    const payload = known({
      provider: textAt(info, "providerID"),
      model: textAt(info, "modelID"),
      input_tokens: (countAt(tokens, "input") ?? 0) + cached + (countAt(cache, "write") ?? 0),
      cached_tokens: cached,
      output_tokens: (countAt(tokens, "output") ?? 0) + reasoning,
      reasoning_tokens: reasoning,
      stop_reason: textAt(info, "finish"),
    });
    this.out.tell({ key: `${id}/usage`, at, type: "CHAT", payload });
  }

  private part(part: Part, changed: Set<string>): void {
    const { key, at, value } = part;
    const type = textAt(value, "type") ?? "";
    if (type === "tool") return this.tool(part, changed);
    if (type === "patch") return this.patch(part, changed);
    const text = textAt(value, "text");
    const taker = text === undefined ? undefined : takerOf(this.words, type);
    if (text !== undefined && taker !== undefined) taker({ text }, part);
    else if (LEFT_OUT.has(type)) this.out.leaveOut(type);
    else this.out.keep(type === "" ? "a part without a type" : type, { key, at, value });
  }

  private tool(part: Part, changed: Set<string>): void {
    const { key, value, directory } = part;
    const state = objectAt(value, "state");
    const status = textAt(state, "status") ?? "";
    if (status !== "completed" && status !== "error") {
      this.waiting += 1;
      return;
    }
    const [begun, at] = [timeOf(state, "start"), timeOf(state, "end") ?? part.at];
    const tool = textAt(value, "tool") ?? "unknown";
    const call = { tool, arguments: state["input"], at: begun, directory };
    this.out.tell({ key, at, type: "ACTION", payload: actionPayload(call, { ...resultOf(state), at }) });
    const change = status === "completed" ? changeOf(state) : undefined;
    if (change === undefined) return;
    changed.add(change.path);
    this.out.tell({ key: `${key}/change`, at, type: "STATE_CHANGE", payload: changePayload(change, directory, tool) });
  }

  /** The files that differ behind a step; those of which a tool told are told already. */
  private patch({ key, at, value, directory }: Part, changed: ReadonlySet<string>): void {
    const files = Array.isArray(value["files"]) ? value["files"].filter((file) => typeof file === "string") : [];
    for (const [index, path] of files.entries()) {
      if (changed.has(path)) continue;
      const payload = changePayload({ path, change: "modified" }, directory, NAME);
      this.out.tell({ key: `${key}/${index}`, at, type: "STATE_CHANGE", payload });
    }
  }
}

/** Reads a session of OpenCode as `opencode export` writes it, whole; its parts are known by their id. */
export const createOpencodeReader = (out: SessionOut): SessionReader => new OpencodeReader(out);
