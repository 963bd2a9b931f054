/** What codex is told of its provider by files and arguments. */
export type CodexInputs = {
  /** What stands behind the program's name. */
  arguments: readonly string[];
  /** The text of each settings file, empty where there is none; undefined for one that cannot be read. */
  settings: ReadonlyArray<{ file: string; text: string | undefined }>;
};

/** How codex is sent to another base URL for one call of it, or why it is not. */
export type CodexWay =
  | {
      kind: "setting";
      name: string;
      /** Where it would have gone; undefined for OpenAI itself. */
      base: string | undefined;
    }
  | { kind: "left alone"; why: string };

const leftAlone = (why: string): CodexWay => ({ kind: "left alone", why });

const elsewhereOptions = /^--(oss|local-provider|profile|remote)/;
// Short options may be glued together and to their values; what stands behind one of these is its value.
const elsewhereShort = /^-(p|(?![cmisaoC])[^-]*[pc])/;
const elsewhereSetting = /(^|\.)(openai_base_url|base_url|model_provider|model_providers|profile|oss_provider)\b/;

/** A dotted name without the quotes and spaces that it may be written with. */
const nameOf = (written = ""): string => written.replaceAll(/["'\s]/g, "");

/** The argument by which somebody has chosen a provider or an address for this call. */
const choosingArgument = (all: readonly string[]): string | undefined => {
  const end = all.indexOf("--");
  const options = end < 0 ? all : all.slice(0, end);
  return options.find((one, at) => {
    if (elsewhereOptions.test(one) || elsewhereShort.test(one)) return true;
    const setting = /^(?:-c|--config)$/.test(options[at - 1] ?? "") ? one : /^(?:-c=?|--config=)(.+)$/.exec(one)?.[1];
    return setting !== undefined && elsewhereSetting.test(nameOf(setting.split("=", 1)[0]));
  });
};

type Settings = ReadonlyMap<string, string | undefined>;

const tomlString = (value: string): string | undefined =>
  /^(?:"([^"\\]*)"|'([^']*)')$/
    .exec(value)
    ?.slice(1)
    .find((text) => text !== undefined);

// Comments and strings of several lines, and the strings of one line, in which neither of them begins.
// What is not closed is taken as if it were: to look for its beginning again and again would take long.
const unread = /"{3}(?:\\[^]|[^\\])*?(?:"{3}|$)|'{3}[^]*?(?:'{3}|$)|#.*/;
const oneLine = /"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?/;
const strings = new RegExp(`(${unread.source})|${oneLine.source}`, "g");

/** What several lines hold are prompts, and may look like settings. */
const withoutProse = (text: string): string =>
  text.replaceAll(strings, (all: string, prose?: string) =>
    prose === undefined ? all : prose[0] === "#" ? "" : "text",
  );

/** How many brackets a line opens that it does not close. */
const opens = (line: string): number => {
  const bare = line.replaceAll(new RegExp(oneLine, "g"), "");
  return bare.split(/[[{]/).length - bare.split(/[\]}]/).length;
};

/** Every setting of a TOML text under its dotted name; undefined where it is no plain string. */
const readToml = (text: string): Settings => {
  const settings = new Map<string, string | undefined>();
  let table = "";
  let depth = 0; // within a list of several lines, whose own lists look like headers
  for (const line of withoutProse(text).split("\n")) {
    const header = depth > 0 ? undefined : /^\s*\[{1,2}([^[\]]+)\]{1,2}\s*$/.exec(line)?.[1];
    if (header !== undefined) table = `${nameOf(header)}.`;
    const [, name, value = ""] = (depth > 0 ? undefined : /^([\w."'\s-]+)=([^]*)$/.exec(line)) ?? [];
    if (name !== undefined) settings.set(`${table}${nameOf(name)}`, tomlString(value.trim()));
    depth += opens(line);
  }
  return settings;
};

const baseOf = (settings: Settings, provider: string): CodexWay => {
  if (provider === "openai") return { kind: "setting", name: "openai_base_url", base: settings.get("openai_base_url") };
  const name = `model_providers.${provider}.base_url`;
  const base = settings.get(name);
  if (!/^[\w-]+$/.test(provider) || base === undefined)
    return leftAlone(`its provider ${provider} has no plain base_url`);
  // By the address it knows that a provider is Azure, which it asks otherwise.
  return /azure|windows\.net/i.test(base)
    ? leftAlone(`its provider ${provider} is Azure`)
    : { kind: "setting", name, base };
};

/** Our address stands among its arguments, which every user of the machine can read, and would be as good as a key in its own. */
const withoutKey = (way: CodexWay, file: string): CodexWay =>
  way.kind === "setting" && /:\/\/[^/]*@/.test(way.base ?? "")
    ? leftAlone(`${file}: ${way.name} has a key in it`)
    : way;

/**
 * codex asks whom its settings name, and no variable of the environment changes that (OPENAI_BASE_URL was dropped in 2026); one
 * setting a call does, by `-c`. The base is that of the files; whoever chooses a provider in another way is left alone.
 */
export const decideCodexWay = ({ arguments: all, settings }: CodexInputs): CodexWay => {
  const chosen = choosingArgument(all);
  if (chosen !== undefined) return leftAlone(`${chosen} chooses its provider`);
  const deciding: Array<{ file: string; read: Settings }> = [];
  for (const { file, text } of settings) {
    if (text === undefined) return leftAlone(`${file} cannot be read`);
    const read = readToml(text);
    if ([...read.keys()].some((name) => elsewhereSetting.test(name))) deciding.push({ file, read });
  }
  const [first, second] = deciding;
  if (first === undefined) return { kind: "setting", name: "openai_base_url", base: undefined };
  if (second !== undefined) return leftAlone(`${first.file} and ${second.file} both choose its provider`);
  const { file, read } = first;
  const unclear = ["openai_base_url", "model_provider"].find((name) => read.has(name) && read.get(name) === undefined);
  if (unclear !== undefined) return leftAlone(`${file}: ${unclear} is no plain text`);
  const chooser = ["profile", "oss_provider", "model_providers"].find((name) => read.has(name));
  if (chooser !== undefined) return leftAlone(`${file}: ${chooser} chooses its provider`);
  return withoutKey(baseOf(read, read.get("model_provider") ?? "openai"), file);
};
