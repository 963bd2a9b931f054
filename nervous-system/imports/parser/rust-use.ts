import { MAX_SPECIFIER_CHARS } from "./specifiers.ts";

const TOKENS = /\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?|::|[{},*]|(?:r#)?[\p{XID_Start}_][\p{XID_Continue}]*/gu;
const MAX_DEPTH = 32;
/** Of all paths of one tree: what stands before a list is in each of them. */
const MAX_CHARS = 1024 * 1024;

const isComment = (token: string): boolean => token.startsWith("//") || token.startsWith("/*");

const endsTree = (token: string): boolean => token === "" || token === "," || token === "}";
const append = (path: string, token: string): string =>
  token === "*" || (token === "self" && path !== "") ? path : path + token;

/** Reads one use tree from its tokens. */
class UseTree {
  readonly paths: string[] = [];
  isCut = false;
  private chars = 0;
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(tokens: readonly string[]) {
    this.tokens = tokens;
  }

  /** One path with what hangs on it; `prefix` ends with `::`, or is empty. */
  tree(prefix: string, depth: number): void {
    let path = prefix;
    for (let token = this.next(); !endsTree(token); token = this.next()) {
      if (token === "{") return this.list(path, depth + 1);
      if (token === "as") this.at += 1;
      else path = append(path, token);
      if (path.length > MAX_SPECIFIER_CHARS) return this.cut();
    }
    this.at -= 1; // the comma or the brace that ended it
    // What a trailing comma leaves was named by nobody.
    const isNamed = this.at > 0 && !/^[{,]$/.test(this.tokens[this.at - 1] ?? "");
    if (isNamed) this.push(path.length > 2 && path.endsWith("::") ? path.slice(0, -2) : path);
  }

  private push(path: string): void {
    this.chars += path.length;
    if (this.chars > MAX_CHARS) this.cut();
    else this.paths.push(path);
  }

  /** Leaves the rest unread. */
  private cut(): void {
    this.isCut = true;
    this.at = this.tokens.length + 1;
  }

  /** The next token; "" behind the last one. */
  private next(): string {
    const token = this.tokens[this.at] ?? "";
    this.at += 1;
    return token;
  }

  private list(prefix: string, depth: number): void {
    if (depth > MAX_DEPTH) return this.cut();
    do this.tree(prefix, depth);
    while (this.next() === ",");
  }
}

/**
 * The paths of a use tree: `a::{b, c::{d as e, *}}` names `a::b`, `a::c::d` and `a::c`, and `a::{self}` names `a`. A path from
 * the names of all crates keeps its `::` in front. Undefined where one is deeper than 32 braces or longer than 1,024 characters,
 * or all of them are longer than 1 Mi.
 */
export const expandUse = (text: string): readonly string[] | undefined => {
  const tokens = [...text.matchAll(TOKENS)].map(([token]) => token).filter((token) => !isComment(token));
  const tree = new UseTree(tokens.map((token) => token.replace(/^r#/, "")));
  tree.tree("", 0);
  return tree.isCut ? undefined : tree.paths;
};
