/** A model route of the port, and where its calls go. */
export type ModelTarget = { provider: "OpenAICompatible" | "Anthropic"; url: URL };

type Route = {
  prefix: string;
  provider: ModelTarget["provider"];
  variable: string;
  fallback: string;
};

const routes: readonly Route[] = [
  {
    prefix: "/openai/v1/",
    provider: "OpenAICompatible",
    variable: "OPENAI_BASE_URL",
    fallback: "https://api.openai.com/v1",
  },
  {
    prefix: "/anthropic/",
    provider: "Anthropic",
    variable: "ANTHROPIC_BASE_URL",
    fallback: "https://api.anthropic.com",
  },
];

/** The base URLs that the program finds. Anthropic's own client puts `/v1` behind the base itself. */
export const modelEnvironment = (port: number): Record<string, string> => ({
  OPENAI_BASE_URL: `http://127.0.0.1:${port}/openai/v1`,
  ANTHROPIC_BASE_URL: `http://127.0.0.1:${port}/anthropic`,
});

/** Where a call of `path` goes: behind the base URL that was set before, or the provider's own. */
export const modelTarget = (
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): ModelTarget | undefined => {
  const route = routes.find(({ prefix }) => path.startsWith(prefix));
  if (route === undefined) return undefined;
  const given = env[route.variable];
  const rest = path.slice(route.prefix.length);
  // Other clients of Anthropic expect `/v1` in the base; with the provider's own base it is ours to add.
  const versioned =
    given === undefined && route.provider === "Anthropic" && !rest.startsWith("v1/") ? `v1/${rest}` : rest;
  const base = (given ?? route.fallback).replace(/\/+$/, "");
  return URL.canParse(`${base}/${versioned}`)
    ? { provider: route.provider, url: new URL(`${base}/${versioned}`) }
    : undefined;
};
