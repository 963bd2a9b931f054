import { createHash } from "node:crypto";

/** The digest by which agents, frames and people know a persona's prompt: `sha256:` and the hex that `sha256sum` tells of the text. */
export const personaDigestOf = (systemPrompt: string): string =>
  `sha256:${createHash("sha256").update(systemPrompt).digest("hex")}`;
