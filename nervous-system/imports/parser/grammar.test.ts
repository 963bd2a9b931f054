import { describe, expect, it } from "@jest/globals";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { readDockerfile } from "./dockerfile.ts";
import { loadGrammar } from "./grammar.ts";
import type { GrammarKind } from "../grammar-files.ts";
import { createSpecifiers } from "./specifiers.ts";

const lines: ReadonlyArray<readonly [GrammarKind, string]> = [
  ["javascript", 'import a from "b"; f(require("c"));\n'],
  ["typescript", 'import type { a } from "b"; export * from "c";\n'],
  ["tsx", 'import a from "b"; const c = <a>b</a>;\n'],
  ["python", "from a import b, c as d\n"],
  ["go", 'import "a/b"\n'],
  ["rust", "use a::{b, c::d}; mod e { use super::f; }\n"],
  ["java", "import a.b.C; import d.*;\n"],
];

describe("the time that a source takes", () => {
  it.each(lines)("grows with its length: %s", async (kind, line) => {
    const read = await loadGrammar(kind);
    expect(growthOf(100, (n) => () => read(line.repeat(n), createSpecifiers()))).toBeLessThan(mostGrowth);
  });

  it.each([
    "FROM a\n",
    "COPY a b c /\n",
    "RUN a \\\n",
    "ARG A=$A\n",
    "COPY <<E x\n",
    "COPY --a ",
    "'",
    "${A:-",
    "<<E",
    "# a=b\n",
  ])("grows with its length: a Dockerfile of %j", (part) => {
    expect(growthOf(2000, (n) => () => readDockerfile(part.repeat(n), createSpecifiers()))).toBeLessThan(mostGrowth);
  });
});

describe("the names of one source", () => {
  it("are each told once, and what is too long or too much is told of", () => {
    const names = createSpecifiers();
    for (const name of ["a", "b", "a", ""]) names.add(name);
    expect([names.all(), names.isCut()]).toEqual([["a", "b"], false]);
    names.add("a".repeat(1025));
    expect([names.all(), names.isCut()]).toEqual([["a", "b"], true]);
  });
});
