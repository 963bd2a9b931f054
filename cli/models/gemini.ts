type Environment = Readonly<Record<string, string | undefined>>;

/** How gemini-cli signs in, by its own names; undefined where neither its settings nor the environment choose before a base URL does. */
export type GeminiSignIn = string | undefined;

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const chosenIn = (settings: string): string | undefined => {
  try {
    const all = record(JSON.parse(settings));
    const chosen = record(record(all["security"])["auth"])["selectedType"] ?? all["selectedAuthType"];
    return typeof chosen === "string" ? chosen : undefined;
  } catch {
    return undefined; // it has comments, or is none: then nothing is known of it
  }
};

/** How gemini-cli signs in, of the text of the user's settings and the environment, in its own order. */
export const readGeminiSignIn = (settings: string | undefined, env: Environment): GeminiSignIn => {
  const chosen = settings === undefined ? undefined : chosenIn(settings);
  if (chosen !== undefined) return chosen;
  if (env["GOOGLE_GENAI_USE_GCA"] === "true") return "oauth-personal";
  return env["GOOGLE_GENAI_USE_VERTEXAI"] === "true" ? "vertex-ai" : undefined;
};

/** gemini-cli (0.61) takes a base URL alone for a way to sign in, and then refuses it as one: it needs another before. */
export const mayBeAddressed = (signIn: GeminiSignIn): boolean => signIn !== undefined;

/** Whether it asks the service for people with a Google account, which has an address of its own. */
export const codeAssist = (signIn: GeminiSignIn): boolean =>
  signIn === "oauth-personal" || signIn === "compute-default-credentials";

/** What somebody with a key of Gemini is told where no base URL could be set. */
export const whyUnaddressed = (env: Environment, signIn: GeminiSignIn): string | undefined =>
  signIn === undefined && (env["GEMINI_API_KEY"] ?? "") !== ""
    ? "gemini-cli starts with another address only where its settings say how it signs in (security.auth.selectedType), so model calls (Gemini) are not recorded"
    : undefined;
