import { InstructionLines, type Instruction } from "./instruction-lines.ts";
import type { Specifiers } from "./specifiers.ts";

type Variables = ReadonlyMap<string, string>;

/** More than an image or a path has. Each value may be of many others, so that they would grow by their power. */
const MAX_VALUE_CHARS = 4096;
const MAX_VARIABLES = 1000;

/** The text with its variables replaced; undefined where the value of one is not in the file, or it becomes too long. */
const substitute = (text: string, variables: Variables): string | undefined => {
  if (text.length > MAX_VALUE_CHARS) return undefined;
  let isKnown = true;
  let room = MAX_VALUE_CHARS;
  const valueOf = (name: string, fallback: string | undefined): string => {
    const value = variables.get(name) ?? fallback;
    room -= value?.length ?? 0;
    isKnown &&= value !== undefined && room >= 0;
    return isKnown && value !== undefined ? value : "";
  };
  const replaced = text.replace(
    /\$(?:\{(\w{1,99})(?::?-([^}]{0,999}))?\}|(\w{1,99}))/g,
    (_, braced?: string, fallback?: string, plain?: string) => valueOf(braced ?? plain ?? "", fallback),
  );
  return isKnown && replaced.length <= MAX_VALUE_CHARS && !replaced.includes("$") ? replaced : undefined;
};

const unquoted = (text: string): string => text.replace(/^(["'])(.*)\1$/, "$2");

const wordsOf = (rest: string): string[] => {
  const list = rest.startsWith("[") ? listOf(rest) : undefined;
  return list ?? rest.split(/\s+/).map(unquoted);
};

const listOf = (text: string): string[] | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter((word) => typeof word === "string") : undefined;
  } catch {
    return undefined;
  }
};

const flagsOf = (rest: string): { flags: string[]; behind: string } => {
  const flags: string[] = [];
  let behind = rest;
  for (let flag; (flag = /^--\S+/.exec(behind)?.[0]) !== undefined;) {
    flags.push(flag);
    behind = behind.slice(flag.length).trimStart();
  }
  return { flags, behind };
};

const isElsewhere = (source: string): boolean => /^[a-z][a-z0-9+.-]{0,31}:\/\/|^git@|^<</i.test(source);

class DockerfileReader {
  private readonly out: Specifiers;
  private readonly variables = new Map<string, string>();
  private readonly stages = new Set<string>();
  private count = 0;

  constructor(out: Specifiers) {
    this.out = out;
  }

  take({ name, rest }: Instruction): void {
    if (name === "FROM") this.from(rest);
    else if (name === "COPY" || name === "ADD") this.copy(rest);
    else if (name === "ARG" || name === "ENV") this.assign(name, rest);
  }

  private assign(kind: string, rest: string): void {
    for (const [, name = "", value = ""] of rest.matchAll(/(\w{1,99})=("[^"]{0,999}"|'[^']{0,999}'|\S{0,999})/g)) {
      // An argument without a default in a stage is the one from before the first stage.
      if (kind === "ENV" || !this.variables.has(name) || this.count === 0)
        this.set(name, substitute(unquoted(value), this.variables));
    }
  }

  private set(name: string, value: string | undefined): void {
    // What it stood for before, it does so no more.
    if (value === undefined) this.variables.delete(name);
    else if (this.variables.has(name) || this.variables.size < MAX_VARIABLES) this.variables.set(name, value);
  }

  private from(rest: string): void {
    const [image = "", as = "", stage = ""] = flagsOf(rest).behind.split(/\s+/);
    this.image(image);
    if (as.toLowerCase() === "as") this.stages.add(stage.toLowerCase());
    this.count += 1;
  }

  private image(reference: string): void {
    const image = substitute(reference, this.variables);
    if (image === undefined || image === "" || image === "scratch") return;
    const isStage = this.stages.has(image.toLowerCase()) || (/^\d+$/.test(image) && Number(image) < this.count);
    if (!isStage) this.out.add(`image:${image}`);
  }

  private copy(rest: string): void {
    const { flags, behind } = flagsOf(rest);
    const from = flags.find((flag) => flag.startsWith("--from="));
    if (from !== undefined) {
      this.image(from.slice("--from=".length));
      return;
    }
    for (const source of wordsOf(behind).slice(0, -1)) {
      const known = isElsewhere(source) ? undefined : substitute(source, this.variables);
      if (known !== undefined && known !== "") this.out.add(`copy:${known}`);
    }
  }
}

/**
 * Reads what a Dockerfile is built of: `image:<reference>` of stages and copies, `copy:<path>` of the build context. What a
 * variable without a value in the file stands for is not known, nor what is longer than 4,096 characters, nor what is behind
 * the first 1,000 variables; what a mount of RUN brings is not read.
 */
export const readDockerfile = (text: string, out: Specifiers): void => {
  const reader = new DockerfileReader(out);
  const lines = new InstructionLines(text);
  for (let one = lines.next(); one !== undefined; one = lines.next()) reader.take(one);
};
