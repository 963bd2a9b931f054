/** The agents as they are installed; each newest on 29 November 2026. */
export const versions = {
  codex: { npm: "@openai/codex", version: "0.171.0" },
  opencode: { npm: "opencode-ai", version: "1.18.33" },
  gemini: { npm: "@google/gemini-cli", version: "0.61.0" },
  aider: { python: "aider-chat", version: "0.86.2" },
  "mini-swe-agent": { python: "mini-swe-agent", version: "2.4.6" },
} as const;
