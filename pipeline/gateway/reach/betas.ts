import type { IncomingHttpHeaders } from "node:http";
import { quoted, type Reach, type Walk } from "#pipeline/gateway/reach/shape.ts";

/**
 * Families of beta headers that change how a model reads, thinks or writes, by their names without a date. What makes a provider
 * reach out, or answer at a dearer tariff (`fast-mode`), needs a member of the body as well, which is judged for itself: these are those that need none.
 */
const harmless = new Set(
  `advanced-tool-use afk-mode auto-mode-classifier claude-code compact computer-use context-1m context-management
   dangerous-tool-use dev-full-thinking effort extended-cache-ttl fast-mode fine-grained-tool-streaming inline-tools
   interleaved-thinking max-tokens-3-5-sonnet mid-conversation-effort mid-conversation-output-config
   mid-conversation-system mid-conversation-system-clear-at mid-conversation-tool-changes
   model-context-window-exceeded oauth output-128k output-300k pdfs per-turn-control prompt-caching
   prompt-caching-scope redact-thinking responses=experimental structured-outputs task-budgets
   thinking-binding-controls thinking-display-updates thinking-resumption thinking-token-count timing token-counting
   token-efficient-tools tool-examples tool-search-tool`.split(/\s+/),
);

const betaHeaders = ["anthropic-beta", "openai-beta"] as const;

const familyOf = (beta: string): string => beta.replace(/-20\d\d-\d\d-\d\d$|-20\d{6}$/, "");

/** What a request's beta headers ask for that is not allowed, the first if there is more. */
export const betaReach = (headers: IncomingHttpHeaders, allowed: Walk["allowed"]): Reach | undefined => {
  if (allowed.has("BetaFeatures")) return undefined;
  for (const path of betaHeaders) {
    const betas = String(headers[path] ?? "").split(",");
    const unknown = betas.map((beta) => beta.trim()).find((beta) => beta !== "" && !harmless.has(familyOf(beta)));
    if (unknown !== undefined)
      return { operation: "BetaFeatures", path, what: `asks for ${quoted(unknown)}, which the gateway does not know` };
  }
  return undefined;
};
