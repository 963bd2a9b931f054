import { codeAssist, mayBeAddressed, whyUnaddressed, type GeminiSignIn } from "./gemini.ts";

/** Who is asked, in the words of MODEL_CALL. */
export type Provider = "OpenAICompatible" | "Anthropic" | "Gemini";

type Environment = Readonly<Record<string, string | undefined>>;

/** How a service is told where its calls go. */
export type Route = {
  /** Variable in which programs find the base URL. */
  variable: string;
  prefix: string;
  /** Where calls go that no variable sends elsewhere; a second name of the same thing has none. */
  fallback?: string;
  /**
   * Variable by which a program takes our address for the fallback, where the port leads there. Without it Claude Code, which
   * looks at the host of its base URL, asks for no policy of its organisation and leaves members and headers of requests out.
   */
  firstParty?: string;
};

/** Who answers calls of models by variables of their own: all that speak a protocol, or one of them. */
export type ModelService = {
  provider: Provider;
  routes: readonly Route[];
  /** Other variables by which somebody may send these calls elsewhere. */
  elsewhere: RegExp;
  /** Whether a program that had no base URL may be given one; it may without this. */
  may?: (signIn: GeminiSignIn) => boolean;
  /** Why not, where that is worth saying. */
  why?: (env: Environment, signIn: GeminiSignIn) => string | undefined;
};

/**
 * Every service whose calls can be routed by variables. litellm, and what is built on it, knows both names of an address and takes
 * the first: where only the second is set, the first one must stay away, or prompts and key would go to an address that the program
 * would not have used.
 */
export const modelServices: readonly ModelService[] = [
  {
    provider: "OpenAICompatible",
    routes: [
      { variable: "OPENAI_BASE_URL", prefix: "/openai/v1", fallback: "https://api.openai.com/v1" },
      { variable: "OPENAI_API_BASE", prefix: "/openai-api-base" },
    ],
    elsewhere: /^(AIDER_)?OPENAI_(API_)?(BASE|URL|BASEURL|BASE_URL|HOST|ENDPOINT|API_TYPE)$|^AIDER_(SET_ENV|ENV_FILE)$/,
  },
  {
    provider: "Anthropic",
    routes: [
      {
        variable: "ANTHROPIC_BASE_URL",
        prefix: "/anthropic",
        fallback: "https://api.anthropic.com",
        firstParty: "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL",
      },
      { variable: "ANTHROPIC_API_BASE", prefix: "/anthropic-api-base" },
    ],
    elsewhere:
      /^ANTHROPIC_(API_)?(BASE|URL|BASEURL|BASE_URL|HOST|ENDPOINT)$|^CLAUDE_CODE_USE_(BEDROCK|VERTEX|FOUNDRY|MANTLE|GATEWAY|ANTHROPIC_AWS|ANTHROPIC_GOOGLE_CLOUD)$|^AIDER_(SET_ENV|ENV_FILE)$/,
  },
  {
    provider: "Gemini",
    routes: [
      {
        variable: "GOOGLE_GEMINI_BASE_URL",
        prefix: "/gemini",
        fallback: "https://generativelanguage.googleapis.com",
      },
    ],
    elsewhere: /^(GOOGLE_)?GEMINI_(API_)?(BASE|URL|BASEURL|BASE_URL|HOST|ENDPOINT)$/,
    may: mayBeAddressed,
    why: whyUnaddressed,
  },
  // Where Vertex AI is depends on project and region, which programs take from many places.
  { provider: "Gemini", routes: [{ variable: "GOOGLE_VERTEX_BASE_URL", prefix: "/vertex" }], elsewhere: /^$/ },
  {
    provider: "Gemini",
    routes: [
      { variable: "CODE_ASSIST_ENDPOINT", prefix: "/code-assist", fallback: "https://cloudcode-pa.googleapis.com" },
    ],
    elsewhere: /^$/,
    may: codeAssist,
  },
];
