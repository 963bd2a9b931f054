/** What Claude Code writes in its user's name: what commands printed, and what became of tasks. */
const CLAUDE =
  /^\s*<(?:local-command-stdout|local-command-stderr|local-command-caveat|bash-stdout|bash-stderr|task-notification|system-reminder)>/;

/** What Gemini CLI writes in its user's name: where it runs. */
const GEMINI = /^\s*<session_context>/;

/** Whether words that stand in a session as the user's are Claude Code's own. */
export const isOfClaude = (text: string): boolean => CLAUDE.test(text);

/** The same of Gemini CLI. */
export const isOfGemini = (text: string): boolean => GEMINI.test(text);
