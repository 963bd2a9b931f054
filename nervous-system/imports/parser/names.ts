import type { GrammarKind } from "../grammar-files.ts";
import { expandUse } from "./rust-use.ts";
import { MAX_SPECIFIER_CHARS, type Specifiers } from "./specifiers.ts";

/** What a match of a query found: the text of each of its captures, by name, and where the first of them begins and ends. */
export type Found = { texts: Readonly<Record<string, string>>; start: number; end: number };

/** Takes what was found in one file, in its order. */
type Namer = (found: Found) => void;

const withoutSpace = (text: string): string => text.replaceAll(/[\s\\]+/g, "");

const nameAlone =
  (out: Specifiers): Namer =>
  ({ texts: { name = "" } }) =>
    out.add(name);

/** `a.b` of `import a.b`; `.a.b` of `from .a import b`, where `b` may be a module or what is in one. */
const pythonName =
  (out: Specifiers): Namer =>
  ({ texts: { from = "", name = "" } }) => {
    const module = withoutSpace(from);
    const dot = module === "" || module.endsWith(".") || name === "" ? "" : ".";
    out.add(module + dot + withoutSpace(name));
  };

const javaName =
  (out: Specifiers): Namer =>
  ({ texts: { name = "", all } }) => {
    const plain = withoutSpace(name);
    if (/^[\p{L}\p{N}_$.]+$/u.test(plain)) out.add(all === undefined ? plain : `${plain}.*`);
  };

const MAX_USE_CHARS = 64 * 1024;
const MAX_MODULES = 32;

/** Paths are told from the module that the file is: in an inner module `m`, `super::a` is `self::m::super::a`. */
class RustNamer {
  private readonly out: Specifiers;
  private readonly around: Array<{ name: string; end: number }> = [];

  constructor(out: Specifiers) {
    this.out = out;
  }

  take({ texts, start, end }: Found): void {
    while ((this.around.at(-1)?.end ?? Infinity) <= start) this.around.pop();
    for (const specifier of this.specifiersOf(texts)) {
      if (specifier === undefined) this.out.cut();
      else this.out.add(specifier);
    }
    const { module } = texts;
    if (module !== undefined && this.around.length < MAX_MODULES) this.around.push({ name: module, end });
  }

  /** Undefined among them is what is too long. */
  private specifiersOf({ use, name, file, placed }: Found["texts"]): ReadonlyArray<string | undefined> {
    if (use !== undefined) return this.used(use);
    if (name !== undefined) return [`::${name}`];
    if (file !== undefined) return [this.fromFile(`self::${file}`)];
    return placed === undefined || this.around.length > 0 ? [] : [`./${placed}`];
  }

  private used(use: string): ReadonlyArray<string | undefined> {
    const paths = use.length > MAX_USE_CHARS ? undefined : expandUse(use);
    return paths?.map((path) => this.fromFile(path)) ?? [undefined];
  }

  private fromFile(path: string): string | undefined {
    const isLocal = /^(?:self|super)(?:::|$)/.test(path);
    if (!isLocal || this.around.length === 0) return path;
    const length = this.around.reduce((sum, { name }) => sum + name.length, path.length);
    if (length > MAX_SPECIFIER_CHARS) return undefined;
    return ["self", ...this.around.map(({ name }) => name), path.replace(/^self::/, "")].join("::");
  }
}

/** Creates what makes specifiers of the matches of one file. */
export const namerOf = (kind: GrammarKind, out: Specifiers): Namer => {
  switch (kind) {
    case "python":
      return pythonName(out);
    case "java":
      return javaName(out);
    case "rust": {
      const namer = new RustNamer(out);
      return (found) => namer.take(found);
    }
    default:
      return nameAlone(out);
  }
};
