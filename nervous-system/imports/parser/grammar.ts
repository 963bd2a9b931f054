import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { Language, Parser, Query, type QueryMatch } from "web-tree-sitter";
import { grammars, RUNTIME, type GrammarKind } from "../grammar-files.ts";
import { namerOf, type Found } from "./names.ts";
import { queries } from "./queries.ts";
import type { Specifiers } from "./specifiers.ts";

/** Reads what a source imports; false where that takes too long. Throws where the grammar fails, which is then good for nothing. */
export type GrammarReader = (text: string, out: Specifiers) => boolean;

// Of a source of 1 MiB that a person wrote. A scanner of a grammar may go on behind it, as Python's does over thousands of lines
// of comment, each of which it looks to the end from: the thread's time is bounded as well.
const WITHIN_MS = 1000;

const require = createRequire(import.meta.url);

let runtime: Promise<void> | undefined;

/** Loads the runtime of the grammars, once. */
const loadRuntime = (): Promise<void> => (runtime ??= Parser.init({ locateFile: () => require.resolve(RUNTIME) }));

const foundIn = ({ captures }: QueryMatch): Found => {
  const texts = Object.fromEntries(captures.map(({ name, node }) => [name, node.text]));
  const [first] = captures;
  const body = captures.find(({ name }) => name === "body") ?? first;
  return { texts, start: first?.node.startIndex ?? 0, end: body?.node.endIndex ?? 0 };
};

/** Loads the grammar of a kind of source. */
export const loadGrammar = async (kind: GrammarKind): Promise<GrammarReader> => {
  await loadRuntime();
  const language = await Language.load(await readFile(require.resolve(grammars[kind])));
  const query = new Query(language, queries[kind]);
  const parser = new Parser().setLanguage(language);
  return (text, out) => {
    const end = performance.now() + WITHIN_MS;
    const progressCallback = (): boolean => performance.now() > end;
    const tree = parser.parse(text, undefined, { progressCallback });
    if (tree === null) {
      parser.reset();
      return false;
    }
    const take = namerOf(kind, out);
    for (const match of query.matches(tree.rootNode, { progressCallback })) take(foundIn(match));
    tree.delete();
    return performance.now() <= end;
  };
};
