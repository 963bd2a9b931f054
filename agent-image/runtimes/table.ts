import type { RuntimeKind } from "#nervous-system/schemas/resources/runtime.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import { custom } from "./custom.ts";
import { miniSweAgent } from "./mini-swe-agent.ts";
import { openCode } from "./open-code.ts";
import type { RuntimeRow } from "./runtime.ts";

/** Every program that may be an agent, but the cortex, which is a program of its own. */
export const runtimes: { readonly [Kind in Exclude<RuntimeKind, "Cortex">]: RuntimeRow } = {
  Codex: codex,
  OpenCode: openCode,
  ClaudeCode: claudeCode,
  MiniSweAgent: miniSweAgent,
  Custom: custom,
};
