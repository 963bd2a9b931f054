import { isExactNumber } from "./exact-json.ts";
import { isSecretMember } from "./redaction-tools.ts";

/** Replaces what is secret in one text. */
export type Replace = (text: string) => string;

/**
 * Two secrets were two names, so what is left of them is made two again: `a`, `a'`, `a'2`, … Numbers, and each tried once:
 * a frame has room for twenty thousand names that come to one.
 */
const namesBeside = (isTaken: (name: string) => boolean): ((bare: string) => string) => {
  const tried = new Map<string, number>();
  return (bare) => {
    let name = bare;
    let count = tried.get(bare) ?? 0;
    while (isTaken(name)) name = `${bare}'${(count += 1) === 1 ? "" : count}`;
    tried.set(bare, count);
    return name;
  };
};

const LINE_ITEMS = 8;
const WORD_CHARS = 64;
const wordOf = (item: unknown): string => (typeof item === "string" ? item.slice(0, WORD_CHARS) : "");

/** What one walk through a payload comes to. */
class Walk {
  /** Whether anything was replaced, now or by whoever redacted the frame before. */
  withheld = false;
  private readonly replace: Replace;

  constructor(replace: Replace) {
    this.replace = replace;
  }

  /** The value without secrets; objects and lists that hold none come back themselves. */
  value(given: unknown): unknown {
    if (typeof given === "string") return this.text(given);
    if (typeof given !== "object" || given === null || isExactNumber(given)) return given;
    return Array.isArray(given) ? this.list(given) : this.members(given as Record<string, unknown>);
  }

  private text(given: string): string {
    const kept = this.replace(given);
    this.withheld ||= kept !== given || given.includes("[redacted:");
    return kept;
  }

  private list(given: readonly unknown[]): readonly unknown[] {
    const items: unknown[] = [];
    for (const item of given) items.push(this.argument(items, this.value(item)));
    return items.some((item, at) => item !== given[at]) ? items : given;
  }

  /** An item as the line of a command would have it, behind those before it: a list may be the arguments of a program. */
  private argument(before: readonly unknown[], item: unknown): unknown {
    const flag = before.at(-1);
    if (typeof item !== "string" || typeof flag !== "string" || !/^-{1,2}[A-Za-z]/.test(flag)) return item;
    const line = `${before.slice(-LINE_ITEMS).map(wordOf).join(" ")} `;
    const replaced = this.replace(line + item);
    return replaced.startsWith(line) ? this.text(replaced.slice(line.length)) : item;
  }

  private member(name: string, given: unknown): unknown {
    const kept = this.value(given);
    return typeof kept === "string" && isSecretMember(name, kept) ? this.text("[redacted:assignment]") : kept;
  }

  private members(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
    let isChanged = false;
    const kept = new Map<string, unknown>();
    const freeName = namesBeside((name) => kept.has(name) || Object.hasOwn(given, name));
    for (const [name, inner] of Object.entries(given)) {
      const bare = this.text(name);
      const newName = bare === name ? name : freeName(bare);
      const newInner = this.member(name, inner);
      isChanged ||= newName !== name || newInner !== inner;
      kept.set(newName, newInner);
    }
    return isChanged ? Object.fromEntries(kept) : given;
  }
}

/** A value without secrets in its texts and names: itself where there are none. `withheld`: whether any are, or were, cut out. */
export const withoutSecrets = <T>(value: T, replace: Replace): { value: T; withheld: boolean } => {
  const walk = new Walk(replace);
  return { value: walk.value(value) as T, withheld: walk.withheld };
};
