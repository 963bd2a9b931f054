#!/usr/bin/env node
// Speaks Messages as Claude Code does where it is run by its documented settings: one tool, a loop, and the last text printed.
// What its user wants of it in every project, it reads from CLAUDE.md beside its settings, and tells it with the task.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { argv, env, exit } from "node:process";

const [print, skip, prompt] = argv.slice(2);
if (print !== "--print" || skip !== "--dangerously-skip-permissions") exit(64);
const { ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY, ANTHROPIC_MODEL, CLAUDE_CONFIG_DIR } = env;
const schema = { type: "object", properties: { command: { type: "string" } }, required: ["command"] };
const memory = join(CLAUDE_CONFIG_DIR, "CLAUDE.md");
const remembered = existsSync(memory) ? `<system-reminder>\n${readFileSync(memory, "utf8")}</system-reminder>\n` : "";
const messages = [{ role: "user", content: `${remembered}${prompt}` }];
for (;;) {
  const response = await fetch(`${ANTHROPIC_BASE_URL}/v1/messages?beta=true`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "anthropic-version": "2023-06-01",
      "x-api-key": ANTHROPIC_API_KEY,
      "user-agent": `claude-client (${CLAUDE_CONFIG_DIR})`,
    },
    body: JSON.stringify({
      model: ANTHROPIC_MODEL,
      max_tokens: 32000,
      system: [{ type: "text", text: "You are a coding agent.", cache_control: { type: "ephemeral" } }],
      tools: [{ name: "Bash", description: "Runs a command.", input_schema: schema }],
      messages,
    }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const { content } = await response.json();
  messages.push({ role: "assistant", content });
  const calls = content.filter(({ type }) => type === "tool_use");
  if (calls.length === 0) {
    console.log(content.map(({ text = "" }) => text).join(""));
    break;
  }
  const results = calls.map(({ id, input }) => {
    const { stdout, stderr } = spawnSync("sh", ["-c", input.command], { encoding: "utf8" });
    return { type: "tool_result", tool_use_id: id, content: `${stdout}${stderr}` };
  });
  messages.push({ role: "user", content: results });
}
