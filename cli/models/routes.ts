/** A model route of the port, and where its calls go. */
export type ModelTarget = { provider: "OpenAICompatible" | "Anthropic"; url: URL };

type Environment = Readonly<Record<string, string | undefined>>;

type Route = {
  /** Variable in which programs find the base URL. */
  variable: string;
  /** Behind it stands on the port what stood behind the base URL. */
  prefix: string;
  /** Where calls go that no variable sends elsewhere; a second name of the same thing has none. */
  fallback?: string;
};

type Protocol = {
  provider: ModelTarget["provider"];
  routes: readonly Route[];
  /** Other variables by which somebody may send calls of this protocol elsewhere. */
  elsewhere: RegExp;
};

// litellm, and what is built on it, knows both names and takes the first: where only the second is set, the first one must
// stay away, or prompts and key would go to an address that the program would not have used.
const protocols: readonly Protocol[] = [
  {
    provider: "OpenAICompatible",
    routes: [
      { variable: "OPENAI_BASE_URL", prefix: "/openai/v1", fallback: "https://api.openai.com/v1" },
      { variable: "OPENAI_API_BASE", prefix: "/openai-api-base" },
    ],
    elsewhere: /^OPENAI_(API_)?(BASE|URL|BASEURL|BASE_URL|HOST|ENDPOINT|API_TYPE)$/,
  },
  {
    provider: "Anthropic",
    routes: [
      { variable: "ANTHROPIC_BASE_URL", prefix: "/anthropic", fallback: "https://api.anthropic.com" },
      { variable: "ANTHROPIC_API_BASE", prefix: "/anthropic-api-base" },
    ],
    elsewhere: /^ANTHROPIC_(API_)?(BASE|URL|BASEURL|BASE_URL|HOST|ENDPOINT)$|^CLAUDE_CODE_USE_(BEDROCK|VERTEX)$/,
  },
];

const isSet = (env: Environment, name: string): boolean => (env[name] ?? "") !== "";

/** What a program is given so that its calls of models pass the port, and which calls it does not get. */
export type ModelEnvironment = { variables: Record<string, string>; leftAlone: string[] };

/** The base URLs that the program finds: of every variable that sends calls somewhere, and the default where none does. */
export const modelEnvironment = (port: number, env: Environment): ModelEnvironment => {
  const variables: Record<string, string> = {};
  const leftAlone: string[] = [];
  for (const { provider, routes, elsewhere } of protocols) {
    const known = new Set(routes.map(({ variable }) => variable));
    const others = Object.keys(env).filter((name) => elsewhere.test(name) && !known.has(name) && isSet(env, name));
    const set = routes.filter(({ variable }) => isSet(env, variable));
    const taken = set.length > 0 ? set : routes.filter(({ fallback }) => fallback !== undefined && others.length === 0);
    for (const { variable, prefix } of taken) variables[variable] = `http://127.0.0.1:${port}${prefix}`;
    if (taken.length === 0)
      leftAlone.push(`${others.join(", ")} may send model calls (${provider}) elsewhere, so they are not recorded`);
  }
  return { variables, leftAlone };
};

/** Anthropic's own client puts `/v1` behind the base itself, others expect it there: where the base is ours, so is that. */
const versioned = (provider: Protocol["provider"], rest: string): string =>
  provider === "Anthropic" && !rest.startsWith("v1/") ? `v1/${rest}` : rest;

/** Where a call of `path` goes: behind the base URL that was set before, or the provider's own. */
export const modelTarget = (path: string, env: Environment): ModelTarget | undefined => {
  for (const { provider, routes } of protocols) {
    const route = routes.find(({ prefix }) => path.startsWith(`${prefix}/`));
    if (route === undefined) continue;
    const { variable, prefix, fallback } = route;
    const rest = path.slice(prefix.length + 1);
    const [base, end] = isSet(env, variable) ? [env[variable], rest] : [fallback, versioned(provider, rest)];
    const url = URL.parse(`${base?.replace(/\/+$/, "")}/${end}`);
    return url === null ? undefined : { provider, url };
  }
  return undefined;
};
