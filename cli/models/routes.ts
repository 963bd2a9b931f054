import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { CodexWay } from "./codex.ts";
import type { GeminiSignIn } from "./gemini.ts";
import { inArguments } from "./path-secret.ts";
import { proxyFor } from "./proxy.ts";
import { modelServices, type ModelService, type Provider, type Route } from "./services.ts";

/** A model route of the port, and where its calls go. */
export type ModelTarget = { provider: Provider; url: URL };

type Environment = Readonly<Record<string, string | undefined>>;

/** What decides where a program's calls of models go. */
export type RouteInputs = {
  env: Environment;
  /** Variables that some programs take from `.env` files, aider from its settings and arguments, and where they stand. */
  dotenv: ReadonlyMap<string, string>;
  geminiSignIn: GeminiSignIn;
  /** Undefined where the program is not codex. */
  codex: CodexWay | undefined;
};

/** How calls pass the port: what stands behind the prefix goes behind the base. */
type Way = {
  provider: Provider;
  prefix: string;
  /** Where the program's own base URL was, if it had one; else the provider's, which may depend on who is signed in. */
  base: { own: string } | { ofProvider: (headers: IncomingHttpHeaders) => string };
  /** What the program is told by: a variable, or a setting among codex's arguments. */
  told: { variable: string; firstParty?: string | undefined } | { setting: string };
};

/** The ways of a program's calls, and which calls pass by, a sentence each. */
export type ModelWays = { ways: readonly Way[]; leftAlone: readonly string[] };

const isSet = (env: Environment, name: string): boolean => (env[name] ?? "") !== "";

/** Who may send calls of a service elsewhere without its own variables. */
const othersOf = ({ routes, elsewhere }: ModelService, { env, dotenv }: RouteInputs): string[] => {
  const known = new Set(routes.map(({ variable }) => variable));
  return [
    ...Object.keys(env).filter((name) => elsewhere.test(name) && !known.has(name) && isSet(env, name)),
    ...[...dotenv]
      .filter(([name]) => elsewhere.test(name) || known.has(name))
      .map(([name, file]) => `${name} in ${file}`),
  ];
};

const leave = (...leftAlone: string[]): ModelWays => ({ ways: [], leftAlone });

/** The variable that says that a base leads to the provider itself, unless the user has said something of that. */
const firstPartyOf = (route: Route, base: string, { env, dotenv }: RouteInputs): string | undefined => {
  const { variable, fallback, firstParty } = route;
  if (firstParty === undefined || env[firstParty] !== undefined || dotenv.has(variable)) return undefined;
  return URL.parse(base)?.origin === fallback ? firstParty : undefined;
};

const waysOf = (service: ModelService, inputs: RouteInputs): ModelWays => {
  const { provider, routes, may = () => true, why } = service;
  const { env, geminiSignIn } = inputs;
  const wayOf = (route: Route, address: string, base: Way["base"]): Way => {
    const { variable, prefix } = route;
    return { provider, prefix, base, told: { variable, firstParty: firstPartyOf(route, address, inputs) } };
  };
  const own = routes.flatMap((route): Way[] => {
    const address = env[route.variable] ?? "";
    return address === "" ? [] : [wayOf(route, address, { own: address })];
  });
  if (own.length > 0) return { ways: own, leftAlone: [] };
  const others = othersOf(service, inputs);
  if (others.length > 0)
    return leave(`${others.join(", ")} may send model calls (${provider}) elsewhere, so they are not recorded`);
  if (!may(geminiSignIn)) return leave(...[why?.(env, geminiSignIn) ?? []].flat());
  const ways = routes.flatMap((route): Way[] => {
    const { fallback } = route;
    return fallback === undefined ? [] : [wayOf(route, fallback, { ofProvider: () => fallback })];
  });
  return { ways, leftAlone: [] };
};

/** Who is signed in with a ChatGPT account is served elsewhere than who has a key. */
const openAiOfCodex = (headers: IncomingHttpHeaders): string =>
  headers["chatgpt-account-id"] === undefined ? "https://api.openai.com/v1" : "https://chatgpt.com/backend-api/codex";

const wayOfCodex = (codex: CodexWay | undefined): ModelWays => {
  if (codex === undefined) return leave();
  if (codex.kind === "left alone") return leave(`codex: ${codex.why}, so its model calls are not recorded`);
  const base = codex.base === undefined ? { ofProvider: openAiOfCodex } : { own: codex.base };
  const way: Way = { provider: "OpenAICompatible", prefix: "/codex", base, told: { setting: codex.name } };
  return { ways: [way], leftAlone: [] };
};

/** Every place that calls may go to, whoever is signed in. */
const placesOf = ({ base }: Way): Array<URL | null> =>
  ("own" in base ? [base.own] : [{}, { "chatgpt-account-id": "" }].map(base.ofProvider)).map((place) =>
    URL.parse(place),
  );

/** The variable that names a proxy which the port cannot speak to: it would have to go past it. */
const unspokenProxy = (way: Way, env: Environment): string | undefined =>
  placesOf(way)
    .map((place) => (place === null ? undefined : proxyFor(place, env)))
    .find((proxy) => proxy !== undefined && proxy.href === undefined)?.variable;

const byProxiesOfHttp = ({ ways, leftAlone }: ModelWays, env: Environment): ModelWays => {
  const byProxy = Map.groupBy(ways, (way) => unspokenProxy(way, env));
  const reached = byProxy.get(undefined) ?? [];
  byProxy.delete(undefined);
  const why = [...byProxy].map(([variable, left]) => {
    const providers = new Set(left.map(({ provider }) => provider));
    return `${variable} names no proxy of HTTP, so model calls (${[...providers].join(", ")}) are not recorded`;
  });
  return { ways: reached, leftAlone: [...leftAlone, ...why] };
};

/** The ways of every variable that sends calls somewhere, of the providers' own addresses where none does, and of codex. */
export const planModelWays = (inputs: RouteInputs): ModelWays => {
  const all = [...modelServices.map((service) => waysOf(service, inputs)), wayOfCodex(inputs.codex)];
  const ways = all.flatMap((one) => one.ways);
  return byProxiesOfHttp({ ways, leftAlone: all.flatMap(({ leftAlone }) => leftAlone) }, inputs.env);
};

/** What the paths of a way begin with, so that nobody but the program finds it. */
export const segmentOf = ({ told }: Pick<Way, "told">, secret: string): string =>
  "variable" in told ? secret : inArguments(secret);

/** What a program is given so that its calls of models pass the port: variables, and what stands before its arguments. */
export const tellProgram = (
  { port, secret }: { port: number; secret: string },
  { ways }: Pick<ModelWays, "ways">,
): { variables: Record<string, string>; arguments: string[] } => {
  const at = (way: Way): string => `http://127.0.0.1:${port}/${segmentOf(way, secret)}${way.prefix}`;
  const variables = ways.flatMap((way): Array<[string, string]> => {
    if (!("variable" in way.told)) return [];
    const { variable, firstParty } = way.told;
    return [[variable, at(way)], ...(firstParty === undefined ? [] : [[firstParty, "1"] as [string, string]])];
  });
  return {
    variables: Object.fromEntries(variables),
    arguments: ways.flatMap((way) => ("setting" in way.told ? ["-c", `${way.told.setting}="${at(way)}"`] : [])),
  };
};

/** Anthropic's own client puts `/v1` behind the base itself, others expect it there: where the base is ours, so is that. */
const versioned = (provider: Provider, rest: string): string =>
  provider === "Anthropic" && !rest.startsWith("v1/") ? `v1/${rest}` : rest;

/** Where a call goes: behind the base URL that the program would have used; undefined where that is none. */
export const modelTarget = (
  { url: path = "/", headers }: Pick<IncomingMessage, "url" | "headers">,
  { ways }: Pick<ModelWays, "ways">,
): ModelTarget | undefined => {
  const way = ways.find(({ prefix }) => path.startsWith(`${prefix}/`));
  if (way === undefined) return undefined;
  const { provider, prefix, base } = way;
  const rest = path.slice(prefix.length + 1);
  const [before, end] = "own" in base ? [base.own, rest] : [base.ofProvider(headers), versioned(provider, rest)];
  const url = URL.parse(`${before.replace(/\/+$/, "")}/${end}`);
  return url === null ? undefined : { provider, url };
};
