import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { createClaudeReader } from "./claude-code.ts";
import { createCodexReader } from "./codex.ts";
import { detectShape } from "./detect.ts";
import type { Json } from "./fields.ts";
import { createGeminiReader } from "./gemini-cli.ts";
import { createOpencodeReader } from "./opencode.ts";
import type { AgentName, SessionFrame, SessionOut, SessionReader } from "./session-frames.ts";

type Told = { frames: SessionFrame[]; leftOut: string[]; kept: string[]; open: number };

const readers: Record<AgentName, (out: SessionOut) => SessionReader> = {
  codex: createCodexReader,
  "claude-code": createClaudeReader,
  "gemini-cli": createGeminiReader,
  opencode: createOpencodeReader,
};

const read = (agent: AgentName, entries: readonly Json[]): Told => {
  const told: Told = { frames: [], leftOut: [], kept: [], open: 0 };
  const reader = readers[agent]({
    tell: (frame) => void told.frames.push(frame),
    leaveOut: (what) => void told.leftOut.push(what),
    keep: (what) => void told.kept.push(what),
  });
  for (const [index, entry] of entries.entries()) reader.take(entry, index + 1);
  reader.end?.();
  told.open = reader.open();
  return told;
};

const brief = ({ frames }: Told): unknown[] => frames.map(({ type, payload }) => [type, payload]);

const at = (second: number): string => `2026-10-03T04:00:${String(second).padStart(2, "0")}.000Z`;

const codexLine = (second: number, type: string, payload: Json): Json => ({ timestamp: at(second), type, payload });
const item = (second: number, payload: Json): Json => codexLine(second, "response_item", payload);
const event = (second: number, payload: Json): Json => codexLine(second, "event_msg", payload);

const patch =
  "*** Begin Patch\n*** Update File: a.ts\n*** Move to: b.ts\n@@\n-one\n+two\n+three\n*** Add File: c.ts\n+new\n*** Delete File: d.ts\n*** End Patch";

const codex: readonly Json[] = [
  codexLine(0, "session_meta", { id: "s-1", cwd: "/w", model_provider: "openai", git: { commit_hash: "c0ffee" } }),
  codexLine(1, "turn_context", { cwd: "/w", model: "gpt-x" }),
  item(2, {
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: "fix it" }, { type: "input_image" }],
  }),
  event(2, { type: "user_message", message: "fix it" }),
  item(3, { type: "reasoning", summary: [{ type: "summary_text", text: "look first" }], encrypted_content: "x" }),
  item(3, { type: "reasoning", summary: [], encrypted_content: "x" }),
  item(4, { type: "function_call", name: "shell", arguments: '{"command":["ls"]}', call_id: "1" }),
  item(6, {
    type: "function_call_output",
    call_id: "1",
    output: '{"output":"a.ts\\n","metadata":{"exit_code":2,"duration_seconds":0.25}}',
  }),
  item(7, { type: "custom_tool_call", name: "apply_patch", input: patch, call_id: "2" }),
  item(8, {
    type: "custom_tool_call_output",
    call_id: "2",
    output: "Exit code: 0\nWall time: 1.5 seconds\nOutput:\nSuccess",
  }),
  item(9, { type: "local_shell_call", call_id: "3", status: "completed", action: { type: "exec", command: ["true"] } }),
  item(9, { type: "function_call_output", call_id: "9", output: "of no call" }),
  item(10, { type: "web_search_call", status: "completed", action: { type: "search", query: "q" } }),
  event(11, {
    type: "token_count",
    info: {
      last_token_usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 3, reasoning_output_tokens: 1 },
    },
  }),
  event(11, { type: "token_count", info: null }),
  codexLine(12, "token_usage_record", { response_id: "r", usage: { input_tokens: 1, output_tokens: 2 } }),
  event(12, { type: "token_count", info: { last_token_usage: { input_tokens: 1 } } }),
  item(13, { type: "message", role: "assistant", content: [{ type: "output_text", text: "done" }] }),
  event(14, { type: "turn_aborted", reason: "interrupted" }),
  event(15, { type: "brand_new", x: 1 }),
  item(16, { type: "ghost_snapshot" }),
];

describe("a rollout of Codex", () => {
  it("tells what was said, thought, done, changed and used", () => {
    const told = read("codex", codex);
    expect(brief(told)).toEqual([
      ["LIFECYCLE", { phase: "Started", attempt: 1, program: "codex", directory: "/w", commit: "c0ffee" }],
      ["MESSAGE", { from: "user", to: "codex", channel: "session", text: "fix it\n[input_image]" }],
      ["THOUGHT", { text: "look first" }],
      [
        "ACTION",
        {
          tool: "shell",
          arguments: { command: ["ls"] },
          result: "a.ts\n",
          ok: false,
          duration_ms: 250,
          error: "a.ts\n",
        },
      ],
      [
        "ACTION",
        {
          tool: "apply_patch",
          arguments: patch,
          result: "Exit code: 0\nWall time: 1.5 seconds\nOutput:\nSuccess",
          ok: true,
          duration_ms: 1500,
        },
      ],
      [
        "STATE_CHANGE",
        {
          file_modified: "b.ts",
          change: "renamed",
          old_path: "a.ts",
          lines_added: 2,
          lines_removed: 1,
          patch: "@@\n-one\n+two\n+three",
          observed_by: "apply_patch",
        },
      ],
      [
        "STATE_CHANGE",
        {
          file_modified: "c.ts",
          change: "added",
          lines_added: 1,
          lines_removed: 0,
          patch: "+new",
          observed_by: "apply_patch",
        },
      ],
      ["STATE_CHANGE", { file_modified: "d.ts", change: "deleted", observed_by: "apply_patch" }],
      [
        "ACTION",
        {
          tool: "web_search",
          arguments: { type: "search", query: "q" },
          result: "completed",
          ok: true,
          duration_ms: 0,
        },
      ],
      [
        "CHAT",
        {
          provider: "openai",
          model: "gpt-x",
          input_tokens: 10,
          cached_tokens: 4,
          output_tokens: 3,
          reasoning_tokens: 1,
        },
      ],
      ["CHAT", { provider: "openai", model: "gpt-x", input_tokens: 1, output_tokens: 2, response_id: "r" }],
      ["MESSAGE", { from: "codex", to: "user", channel: "session", text: "done" }],
      ["ERROR", { message: "the turn was aborted: interrupted", fatal: false }],
    ]);
    expect(told.kept).toEqual(["a result without its call", "event_msg brand_new", "ghost_snapshot"]);
    expect(told.leftOut).toEqual([
      "turn_context",
      "user_message",
      "reasoning that its provider keeps secret",
      "token_count",
      "token_count",
    ]);
    expect(told.open).toBe(1);
  });

  it("tells what was used once, where it is written again", () => {
    const count = (second: number, total: number): Json =>
      event(second, {
        type: "token_count",
        info: { total_token_usage: { input_tokens: total }, last_token_usage: { input_tokens: 5 } },
      });
    const told = read("codex", [count(1, 5), count(2, 5), count(3, 10), count(4, 10)]);
    expect(told.frames.map(({ key, type }) => [key, type])).toEqual([
      ["1", "CHAT"],
      ["3", "CHAT"],
    ]);
    expect(told.leftOut).toEqual(["token_count", "token_count"]);
  });

  it("of before the autumn of 2025 is read as well", () => {
    const old: Json[] = [
      { id: "s-0", timestamp: at(0), instructions: null, git: {} },
      { record_type: "state" },
      { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] },
    ];
    expect(detectShape(old)).toEqual({ kind: "session", agent: "codex", session: "s-0" });
    expect(read("codex", old).frames.map(({ type }) => type)).toEqual(["LIFECYCLE", "MESSAGE"]);
  });
});

const claudeEntry = (uuid: string, second: number, type: string, message: Json, more: Json = {}): Json => ({
  type,
  uuid,
  sessionId: "s-2",
  cwd: "/w",
  timestamp: at(second),
  message,
  ...more,
});
const answer = (uuid: string, second: number, block: Json, more: Json = {}): Json =>
  claudeEntry(uuid, second, "assistant", {
    id: "msg_1",
    model: "claude-x",
    role: "assistant",
    content: [block],
    usage: { input_tokens: 1, cache_read_input_tokens: 20, cache_creation_input_tokens: 300, output_tokens: second },
    ...more,
  });
const result = (uuid: string, second: number, id: string, more: Json, toolUseResult: Json = {}): Json =>
  claudeEntry(
    uuid,
    second,
    "user",
    { role: "user", content: [{ type: "tool_result", tool_use_id: id, ...more }] },
    { toolUseResult },
  );

const claude: readonly Json[] = [
  { type: "summary", summary: "A session", leafUuid: "u-9" },
  claudeEntry("u-1", 0, "user", { role: "user", content: "fix it" }),
  answer("u-2", 1, { type: "thinking", thinking: "look first", signature: "x" }),
  answer("u-3", 2, { type: "text", text: "I look." }),
  answer(
    "u-4",
    3,
    { type: "tool_use", id: "t-1", name: "Bash", input: { command: "false" } },
    { stop_reason: "tool_use" },
  ),
  result("u-5", 5, "t-1", { content: [{ type: "text", text: "no" }, { type: "image" }], is_error: true }),
  answer(
    "u-6",
    6,
    { type: "tool_use", id: "t-2", name: "Edit", input: { file_path: "/w/src/a.ts" } },
    { id: "msg_2", stop_reason: "tool_use" },
  ),
  result(
    "u-7",
    7,
    "t-2",
    { content: "ok" },
    {
      filePath: "/w/src/a.ts",
      structuredPatch: [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 2, lines: ["-one", "+two", "+three"] }],
    },
  ),
  answer(
    "u-8",
    8,
    { type: "tool_use", id: "t-3", name: "Write", input: { file_path: "/w/b.ts", content: "x\ny\n" } },
    { id: "msg_3", stop_reason: "tool_use" },
  ),
  result("u-9", 9, "t-3", { content: "ok" }, { type: "create", filePath: "/w/b.ts", structuredPatch: [] }),
  { type: "file-history-snapshot", messageId: "m" },
  claudeEntry(
    "u-10",
    10,
    "assistant",
    { id: "msg_4", content: [{ type: "text", text: "overloaded" }], usage: { input_tokens: 0 } },
    { isApiErrorMessage: true },
  ),
  claudeEntry("u-11", 11, "system", {}, { subtype: "compact_boundary" }),
  claudeEntry("u-12", 12, "user", { role: "user", content: [{ type: "text", text: "caveat" }] }, { isMeta: true }),
  answer("u-13", 13, { type: "text", text: "Done." }, { id: "msg_5", stop_reason: "end_turn" }),
];

describe("a session of Claude Code", () => {
  it("tells what was said, thought, done, changed and used", () => {
    const told = read("claude-code", claude);
    const used = { provider: "anthropic", model: "claude-x", input_tokens: 321, cached_tokens: 20 };
    expect(brief(told)).toEqual([
      ["MESSAGE", { from: "user", to: "claude-code", channel: "session", text: "fix it" }],
      ["THOUGHT", { text: "look first" }],
      ["MESSAGE", { from: "claude-code", to: "user", channel: "session", text: "I look." }],
      ["CHAT", { ...used, output_tokens: 3, stop_reason: "tool_use", response_id: "msg_1" }],
      [
        "ACTION",
        {
          tool: "Bash",
          arguments: { command: "false" },
          result: "no\n[image]",
          ok: false,
          duration_ms: 2000,
          error: "no\n[image]",
        },
      ],
      ["CHAT", { ...used, output_tokens: 6, stop_reason: "tool_use", response_id: "msg_2" }],
      ["ACTION", { tool: "Edit", arguments: { file_path: "/w/src/a.ts" }, result: "ok", ok: true, duration_ms: 1000 }],
      [
        "STATE_CHANGE",
        {
          file_modified: "src/a.ts",
          change: "modified",
          lines_added: 2,
          lines_removed: 1,
          patch: "@@ -1,1 +1,2 @@\n-one\n+two\n+three",
          observed_by: "Edit",
        },
      ],
      ["CHAT", { ...used, output_tokens: 8, stop_reason: "tool_use", response_id: "msg_3" }],
      [
        "ACTION",
        {
          tool: "Write",
          arguments: { file_path: "/w/b.ts", content: "x\ny\n" },
          result: "ok",
          ok: true,
          duration_ms: 1000,
        },
      ],
      [
        "STATE_CHANGE",
        {
          file_modified: "b.ts",
          change: "added",
          lines_added: 2,
          lines_removed: 0,
          patch: "@@ -0,0 +1,2 @@\n+x\n+y",
          observed_by: "Write",
        },
      ],
      ["ERROR", { message: "overloaded", fatal: false }],
      ["MESSAGE", { from: "claude-code", to: "claude-code", channel: "session", text: "caveat" }],
      ["MESSAGE", { from: "claude-code", to: "user", channel: "session", text: "Done." }],
      ["CHAT", { ...used, output_tokens: 13, stop_reason: "end_turn", response_id: "msg_5" }],
    ]);
    expect(told.leftOut).toEqual(["summary", "file-history-snapshot"]);
    expect(told.kept).toEqual(["system"]);
    expect(told.open).toBe(0);
  });
});

describe("a fork of a session", () => {
  const said = (second: number, text: string): Json =>
    item(second, { type: "message", role: "user", content: [{ type: "input_text", text }] });
  const used = (second: number, total: number): Json =>
    event(second, {
      type: "token_count",
      info: { total_token_usage: { input_tokens: total }, last_token_usage: { input_tokens: total } },
    });
  const begun = (second: number, id: string, more: Json = {}): Json =>
    codexLine(second, "session_meta", { id, ...more });
  const told = (agent: AgentName, entries: readonly Json[]): unknown[] =>
    read(agent, entries).frames.map(({ type, copiedFrom, payload: { text, directory, input_tokens } }) => [
      type,
      text ?? directory ?? input_tokens,
      ...(copiedFrom === undefined ? [] : [copiedFrom]),
    ]);

  it.each([
    ["keep their times", 1, [said(1, "start"), used(2, 10), said(3, "go on")]],
    ["have the fork's", 20, [said(20, "start"), used(20, 10), said(20, "go on")]],
  ])("of Codex says which words are copied and leaves copied usage out, where copies %s", (_, metaAt, copies) => {
    const fork = [
      begun(20, "s-2", { forked_from_id: "s-1", cwd: "/fork" }),
      begun(metaAt, "s-1", { cwd: "/parent" }),
      ...copies,
      said(30, "ping"),
      used(31, 7),
    ];
    expect(told("codex", fork)).toEqual([
      ["LIFECYCLE", "/fork"],
      ["MESSAGE", "start", "s-1"],
      ["MESSAGE", "go on", "s-1"],
      ["MESSAGE", "ping"],
      ["CHAT", 7],
    ]);
    expect(read("codex", fork).leftOut).toEqual([
      "LIFECYCLE copied from another session",
      "CHAT copied from another session",
    ]);
  });

  it("of Codex that says so, and copies nothing, is all its own", () => {
    const fork = [begun(20, "s-2", { forked_from_id: "s-1", cwd: "/fork" }), said(20, "look"), used(21, 7)];
    expect(told("codex", fork)).toEqual([
      ["LIFECYCLE", "/fork"],
      ["MESSAGE", "look"],
      ["CHAT", 7],
    ]);
  });

  it("of Codex is its own again where it names itself", () => {
    const fork = [begun(20, "s-2"), begun(20, "s-1"), said(20, "start"), begun(20, "s-2"), said(20, "look")];
    expect(told("codex", fork).filter((frame) => (frame as unknown[])[0] === "MESSAGE")).toEqual([
      ["MESSAGE", "start", "s-1"],
      ["MESSAGE", "look"],
    ]);
  });

  it("of Claude Code marks what it says is copied", () => {
    const forkedFrom = { sessionId: "s-1", messageUuid: "u" };
    const ended = { stop_reason: "end_turn" };
    const fork: Json[] = [
      { ...claudeEntry("u-1", 1, "user", { role: "user", content: "start" }), forkedFrom },
      { ...answer("u-2", 2, { type: "text", text: "yes" }, ended), forkedFrom },
      answer("u-3", 3, { type: "text", text: "no" }, { ...ended, id: "msg_2" }),
    ];
    expect(told("claude-code", fork)).toEqual([
      ["MESSAGE", "start", "s-1"],
      ["MESSAGE", "yes", "s-1"],
      ["MESSAGE", "no"],
      ["CHAT", 321],
    ]);
  });
});

describe("words of a program", () => {
  const ends = (agent: AgentName, entries: readonly Json[]): unknown[] =>
    read(agent, entries)
      .frames.filter(({ type }) => type === "MESSAGE")
      .map(({ payload: { from, to } }) => [from, to]);

  it("of Claude Code are not its user's: a sub-agent's, and what commands print", () => {
    const user = (content: string, more: Json = {}): Json =>
      claudeEntry(content, 1, "user", { role: "user", content }, more);
    const isSidechain = true;
    const own = ["claude-code", "claude-code"];
    expect(
      ends("claude-code", [
        user("look in src", { isSidechain }),
        { ...answer("u-1", 2, { type: "text", text: "I looked." }), isSidechain },
        user("<local-command-stdout>Set model</local-command-stdout>"),
        user("<task-notification>done</task-notification>"),
        user("<command-name>/model</command-name>"),
        user("what does <task-notification> mean?"),
      ]),
    ).toEqual([own, own, own, own, ["user", "claude-code"], ["user", "claude-code"]]);
  });

  it("of OpenCode and Gemini CLI are not their user's", () => {
    const parts = [{ text: "a" }, { text: "b", synthetic: true }, { text: "c", ignored: true }].map((part, index) => ({
      ...part,
      id: `p-${index}`,
      type: "text",
    }));
    const session: Json = { info: { id: "ses_1" }, messages: [{ info: { id: "m", role: "user" }, parts }] };
    expect(ends("opencode", [session])).toEqual([
      ["user", "opencode"],
      ["opencode", "opencode"],
      ["opencode", "user"],
    ]);
    const context: Json = {
      id: "0",
      type: "user",
      content: [{ text: "<session_context>\nlinux\n</session_context>" }],
    };
    expect(ends("gemini-cli", [context])).toEqual([["gemini-cli", "gemini-cli"]]);
  });
});

describe("an answer of Claude Code", () => {
  it("is told of once, as it ended, where results of its calls stand between its blocks", () => {
    const call = (id: string): Json => ({ type: "tool_use", id, name: "Bash", input: {} });
    const told = read("claude-code", [
      answer("u-1", 1, call("t-1")),
      result("u-2", 2, "t-1", { content: "a" }),
      answer("u-3", 3, call("t-2"), { stop_reason: "tool_use" }),
      result("u-4", 4, "t-2", { content: "b" }),
      answer("u-5", 5, { type: "text", text: "Done." }, { id: "msg_2" }),
      claudeEntry("u-6", 6, "user", { role: "user", content: "thanks" }),
    ]);
    expect(
      told.frames.map(({ type, payload: { response_id, output_tokens, stop_reason } }) => [
        type,
        ...(type === "CHAT" ? [response_id, output_tokens, stop_reason] : []),
      ]),
    ).toEqual([
      ["ACTION"],
      ["CHAT", "msg_1", 3, "tool_use"],
      ["ACTION"],
      ["MESSAGE"],
      ["CHAT", "msg_2", 5, undefined],
      ["MESSAGE"],
    ]);
  });

  it("goes on while a sub-agent in the same file answers", () => {
    const call = (id: string): Json => ({ type: "tool_use", id, name: "Task", input: {} });
    const aside = (entry: Json): Json => ({ ...entry, isSidechain: true });
    const told = read("claude-code", [
      answer("u-1", 1, call("t-1")),
      aside(answer("u-2", 2, { type: "text", text: "I looked." }, { id: "msg_s", stop_reason: "end_turn" })),
      answer("u-3", 3, call("t-2"), { stop_reason: "tool_use" }),
      result("u-4", 4, "t-1", { content: "a" }),
    ]);
    const used = told.frames.filter(({ type }) => type === "CHAT").map(({ payload }) => payload);
    expect(used.map(({ response_id, output_tokens }) => [response_id, output_tokens])).toEqual([
      ["msg_s", 2],
      ["msg_1", 3],
    ]);
  });

  it("whose call has no input is read", () => {
    const told = read("claude-code", [
      answer("u-1", 1, { type: "tool_use", id: "t-1", name: "Write" }),
      result("u-2", 2, "t-1", { content: "ok" }, { type: "create", filePath: "/w/b.ts" }),
    ]);
    expect(told.frames.map(({ type }) => type)).toEqual(["ACTION", "STATE_CHANGE"]);
  });
});

const geminiCall = (status: string, more: Json = {}): Json => ({
  id: "c-1",
  name: "replace",
  args: { file_path: "a.ts" },
  status,
  timestamp: at(3),
  ...more,
});
const geminiMessage = (more: Json): Json => ({
  id: "m-2",
  type: "gemini",
  timestamp: at(1),
  model: "gemini-x",
  ...more,
});

const gemini: readonly Json[] = [
  { sessionId: "s-3", projectHash: "p", startTime: at(0) },
  { $set: { messages: [{ id: "m-0", type: "user", timestamp: at(0), content: [{ text: "context" }] }] } },
  { id: "m-1", type: "user", timestamp: at(0), content: "fix it" },
  geminiMessage({
    content: "I look.",
    thoughts: [{ subject: "Plan", description: "look first", timestamp: at(1) }],
    tokens: { input: 9, output: 2, cached: 1, thoughts: 3, total: 14 },
  }),
  geminiMessage({ content: "I look.", toolCalls: [geminiCall("executing")] }),
  geminiMessage({
    content: "I look.",
    toolCalls: [
      geminiCall("success", {
        result: [{ functionResponse: { response: { output: "ok" } } }],
        resultDisplay: { fileDiff: "@@ -1 +1 @@\n-a\n+b", fileName: "a.ts", originalContent: null },
      }),
    ],
  }),
  { id: "m-3", type: "user", content: [{ functionResponse: { response: { output: "ok" } } }] },
  { $set: { lastUpdated: at(4) } },
  { $rewindTo: "m-2" },
  { id: "m-4", type: "error", timestamp: at(5), content: "quota" },
  { id: "m-5", type: "info", timestamp: at(6), content: "note" },
];

describe("a session of Gemini CLI", () => {
  it("tells each part of a message once, however often it is written again", () => {
    const told = read("gemini-cli", gemini);
    expect(brief(told)).toEqual([
      ["MESSAGE", { from: "user", to: "gemini-cli", channel: "session", text: "context" }],
      ["MESSAGE", { from: "user", to: "gemini-cli", channel: "session", text: "fix it" }],
      ["THOUGHT", { text: "Plan: look first" }],
      ["MESSAGE", { from: "gemini-cli", to: "user", channel: "session", text: "I look." }],
      [
        "CHAT",
        {
          provider: "google",
          model: "gemini-x",
          input_tokens: 9,
          cached_tokens: 1,
          output_tokens: 5,
          reasoning_tokens: 3,
        },
      ],
      ["ACTION", { tool: "replace", arguments: { file_path: "a.ts" }, result: "ok", ok: true, duration_ms: 2000 }],
      [
        "STATE_CHANGE",
        {
          file_modified: "a.ts",
          change: "added",
          lines_added: 1,
          lines_removed: 1,
          patch: "@@ -1 +1 @@\n-a\n+b",
          observed_by: "replace",
        },
      ],
      ["ERROR", { message: "quota", fatal: false }],
    ]);
    expect(told.kept).toEqual(["info"]);
    expect(told.open).toBe(0);
  });

  it("tells a message as it was written last", () => {
    const grown = geminiMessage({ content: "Hello there", tokens: { output: 50 } });
    const user: Json = { id: "m-1", type: "user", timestamp: at(0), content: "hel" };
    const told = read("gemini-cli", [
      user,
      { ...user, content: "hello" },
      geminiMessage({ content: "Hel", tokens: { output: 1 } }),
      grown,
    ]);
    expect(told.frames.map(({ payload: { text, output_tokens } }) => text ?? output_tokens)).toEqual([
      "hello",
      "Hello there",
      50,
    ]);
  });

  it("tells calls in their order, whichever answers first", () => {
    const version = (...statuses: readonly string[]): Json =>
      geminiMessage({ toolCalls: statuses.map((status, index) => ({ ...geminiCall(status), id: `c-${index}` })) });
    const keys = (...entries: readonly Json[]): string[] => read("gemini-cli", entries).frames.map(({ key }) => key);
    const [first, second] = [version("executing", "success"), version("success", "success")];
    expect(keys(first)).toEqual([]);
    expect(keys(first, second)).toEqual(["m-2/tool/c-0", "m-2/tool/c-1"]);
    expect(keys(first, { id: "m-3", type: "user", content: "go on" })).toEqual(["m-2/tool/c-1", "m-3/text"]);
  });

  it("tells each call of a message, those without an id too", () => {
    const calls = [geminiCall("success"), geminiCall("error")].map((call) => ({ ...call, id: undefined }));
    const message = geminiMessage({ toolCalls: [...calls, { ...geminiCall("executing"), id: "" }] });
    const told = read("gemini-cli", [message, message]);
    expect(told.frames.map(({ type, payload }) => [type, payload["ok"]])).toEqual([
      ["ACTION", true],
      ["ACTION", false],
    ]);
    expect(told.open).toBe(1);
  });

  it("in one document, and the log of prompts, are read as well", () => {
    const whole: Json = {
      sessionId: "s",
      projectHash: "p",
      messages: [{ id: "1", type: "user", content: "a", timestamp: at(0) }],
    };
    expect(read("gemini-cli", [whole]).frames.map(({ payload }) => payload["text"])).toEqual(["a"]);
    const log: Json = { sessionId: "s", messageId: 0, type: "user", message: "b", timestamp: at(0) };
    expect(detectShape([log])).toEqual({ kind: "session", agent: "gemini-cli", session: "log from s" });
    expect(read("gemini-cli", [log, { ...log, sessionId: "t" }]).frames.map(({ key }) => key)).toEqual([
      "s/0/text",
      "t/0/text",
    ]);
  });
});

const ms = (second: number): number => Date.parse(at(second));
const tool = (state: Json): Json => ({ id: "p-2", type: "tool", tool: "edit", callID: "c", state });

const opencode: Json = {
  info: { id: "ses_4", directory: "/w", time: { created: ms(0), updated: ms(9) } },
  messages: [
    {
      info: { id: "m-1", role: "user", time: { created: ms(0) } },
      parts: [{ id: "p-0", type: "text", text: "fix it" }],
    },
    {
      info: {
        id: "m-2",
        role: "assistant",
        providerID: "anthropic",
        modelID: "claude-x",
        time: { created: ms(1), completed: ms(6) },
        tokens: { input: 5, output: 6, reasoning: 2, cache: { read: 7, write: 1 } },
        finish: "stop",
      },
      parts: [
        { id: "p-s", type: "step-start" },
        { id: "p-1", type: "reasoning", text: "look first", time: { start: ms(1), end: ms(2) } },
        tool({
          status: "completed",
          input: { filePath: "/w/a.ts" },
          output: "ok",
          metadata: { diff: "@@ -1 +1 @@\n-a\n+b" },
          time: { start: ms(3), end: ms(4) },
        }),
        { id: "p-3", type: "patch", hash: "h", files: ["/w/a.ts", "/w/b.ts"] },
        { ...tool({ status: "running", input: {} }), id: "p-4" },
        { id: "p-5", type: "file", url: "x" },
      ],
    },
    {
      info: {
        id: "m-3",
        role: "assistant",
        time: { created: ms(7) },
        error: { name: "APIError", data: { message: "overloaded" } },
      },
      parts: [],
    },
  ],
};

describe("a session of OpenCode", () => {
  it("tells what was said, thought, done, changed and used", () => {
    const told = read("opencode", [opencode]);
    expect(brief(told)).toEqual([
      ["LIFECYCLE", { phase: "Started", attempt: 1, program: "opencode", directory: "/w" }],
      ["MESSAGE", { from: "user", to: "opencode", channel: "session", text: "fix it" }],
      ["THOUGHT", { text: "look first" }],
      ["ACTION", { tool: "edit", arguments: { filePath: "/w/a.ts" }, result: "ok", ok: true, duration_ms: 1000 }],
      [
        "STATE_CHANGE",
        {
          file_modified: "a.ts",
          change: "modified",
          lines_added: 1,
          lines_removed: 1,
          patch: "@@ -1 +1 @@\n-a\n+b",
          observed_by: "edit",
        },
      ],
      ["STATE_CHANGE", { file_modified: "b.ts", change: "modified", observed_by: "opencode" }],
      [
        "CHAT",
        {
          provider: "anthropic",
          model: "claude-x",
          input_tokens: 13,
          cached_tokens: 7,
          output_tokens: 8,
          reasoning_tokens: 2,
          stop_reason: "stop",
        },
      ],
      ["ERROR", { message: "overloaded", fatal: false }],
    ]);
    expect(told.kept).toEqual(["file"]);
    expect(told.open).toBe(1);
  });
});

describe("a time of OpenCode", () => {
  it("that no calendar has is none", () => {
    const far = { ...opencode, info: { id: "ses_4", time: { created: Number.MAX_SAFE_INTEGER } } };
    const [start] = read("opencode", [far]).frames;
    expect(start).toMatchObject({ type: "LIFECYCLE", at: undefined });
  });
});

const samples: ReadonlyArray<readonly [AgentName, readonly Json[]]> = [
  ["codex", codex],
  ["claude-code", claude],
  ["gemini-cli", gemini],
  ["opencode", [opencode]],
];

describe("whatever a session holds", () => {
  it.each(samples)("of %s is known by its first entries, and not as another's", (agent, entries) => {
    expect(detectShape(entries)).toMatchObject({ kind: "session", agent });
  });

  // A grammar of broken sessions: every sample, with any of its values replaced by any other.
  const broken = (value: unknown, replace: () => unknown): unknown => {
    const other = replace();
    if (other !== undefined) return other;
    if (Array.isArray(value)) return value.map((one) => broken(one, replace));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, broken(inner, replace)]));
  };

  it.each(samples)("of %s, broken anywhere, is read to its end, and tells each key and type once", (agent, entries) => {
    const replacements = fc.infiniteStream(fc.option(fc.jsonValue(), { nil: undefined, freq: 20 }));
    fc.assert(
      fc.property(replacements, (stream) => {
        const replace = (): unknown => stream.next().value;
        const told = read(agent, entries.map((entry) => broken(entry, replace)).filter(isJsonObject));
        const places = told.frames.map(({ key, type }) => `${key} ${type}`);
        if (agent !== "claude-code" && agent !== "opencode") expect(new Set(places).size).toBe(places.length);
      }),
    );
  });

  it.each(samples)("of %s makes what came before with every entry more", (agent, entries) => {
    if (agent === "opencode") return;
    const whole = read(agent, entries).frames;
    for (let length = 0; length <= entries.length; length += 1) {
      const { frames } = read(agent, entries.slice(0, length));
      expect(frames).toEqual(whole.slice(0, frames.length));
    }
  });

  it.each(samples)("of %s takes time that grows with its length", (agent, entries) => {
    const make = (n: number) => {
      const many = Array.from({ length: n }, () => entries).flat();
      return () => read(agent, many);
    };
    expect(growthOf(50, make)).toBeLessThan(mostGrowth);
  });
});
