import type { RuntimeRow } from "./runtime.ts";

/** Anthropic's Claude Code, which speaks Messages. Nobody but Anthropic may hand it out: its image is the user's. */
export const claudeCode: RuntimeRow = {
  command: () => ["claude", "--print", "--dangerously-skip-permissions", "{task}"],
  instructions: ".claude/CLAUDE.md",
  env: ({ home, model }) => ({
    ANTHROPIC_MODEL: model,
    // What it would ask a smaller model for.
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    CLAUDE_CONFIG_DIR: `${home}/.claude`,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
  }),
};
