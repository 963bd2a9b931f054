import { parentPort } from "node:worker_threads";
import type { SourceKind } from "../source-kind.ts";
import { readDockerfile } from "./dockerfile.ts";
import { loadGrammar, type GrammarReader } from "./grammar.ts";
import { createSpecifiers, type Specifiers } from "./specifiers.ts";

// The thread that sources are read in, one at a time: a hostile one may take all the time, the memory or the stack there is.
const grammars = new Map<SourceKind, Promise<GrammarReader>>();

const readerOf = (kind: SourceKind): Promise<GrammarReader> => {
  if (kind === "dockerfile") {
    return Promise.resolve((text: string, out: Specifiers) => {
      readDockerfile(text, out);
      return true;
    });
  }
  const reader = grammars.get(kind) ?? loadGrammar(kind);
  grammars.set(kind, reader);
  return reader;
};

const read = async (kind: SourceKind, text: string): Promise<readonly string[] | undefined> => {
  const out = createSpecifiers();
  const isWhole = (await readerOf(kind))(text, out);
  return isWhole && !out.isCut() ? out.all() : undefined;
};

const answer = async ({ kind, text }: { kind: SourceKind; text: string }): Promise<void> => {
  const specifiers = await read(kind, text);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node has no origin
  parentPort?.postMessage(specifiers);
};

// What fails ends the thread, as nothing is known of a grammar that failed.
parentPort?.on("message", (source) => void answer(source));
