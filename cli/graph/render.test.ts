import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { displayWidth } from "../ask/display-width.ts";
import type { Picture } from "./picture.ts";
import { renderDot, renderMermaid, renderPictureJson } from "./render-code.ts";
import { renderTree } from "./render-tree.ts";
import { subjects } from "./subjects.ts";

const draw = (
  name: string,
  rows: ReadonlyArray<Record<string, unknown>>,
  given: Record<string, string> = {},
): Picture => subjects.find((one) => one.name === name)!.draw(rows, given);

const dependent = (file: string, depends_on: string[], mission = "m", steps = 1) => ({
  file,
  mission,
  steps,
  depends_on,
});
const radius = [
  dependent("src/lexer.ts", ["src/chars.ts", "src/log.ts"]),
  dependent("src/parser.ts", ["src/lexer.ts", "src/chars.ts"]),
  dependent("src/main.ts", ["src/parser.ts", "src/main.ts"], "m", 2),
];

describe("a picture of what depends on a file", () => {
  it("is a tree from the file on, in which what leads further twice is drawn once", () => {
    expect(renderTree(draw("dependents", radius, { path: "src/chars.ts" }), undefined)).toEqual([
      "file src/chars.ts",
      "├─ file src/lexer.ts",
      "│  └─ file src/parser.ts",
      "│     └─ file src/main.ts",
      "│        └─ file src/main.ts (above)",
      "└─ file src/parser.ts (above)",
    ]);
  });

  it("is one of each mission, named where there are several", () => {
    const rows = [dependent("a.ts", ["x.ts"], "one"), dependent("b.ts", ["x.ts"], "two")];
    expect(renderTree(draw("dependents", rows, { path: "x.ts" }), undefined)).toEqual([
      "file x.ts in one",
      "└─ file a.ts",
      "file x.ts in two",
      "└─ file b.ts",
    ]);
    expect(renderTree(draw("dependents", [], { path: "x.ts" }), undefined)).toEqual([]);
  });

  it("ends where files need each other, and is drawn however deep it is", () => {
    const ring = [dependent("b.ts", ["a.ts"]), dependent("a.ts", ["b.ts"], "m", 2)];
    expect(renderTree(draw("dependents", ring, { path: "a.ts" }), undefined)).toEqual([
      "file a.ts",
      "└─ file b.ts",
      "   └─ file a.ts (above)",
    ]);
    const deep = Array.from({ length: 1_000 }, (_, n) => dependent(`${n + 1}`, [`${n}`]));
    expect(renderTree(draw("dependents", deep, { path: "0" }), 60).length).toBe(1_001);
  });
});

const link = (from: string, relation: string, to: string) => {
  const [[from_kind, from_text], [to_kind, to_text]] = [from.split(":"), to.split(":")] as [string[], string[]];
  return { place: 1, from_kind, from: from_text, relation, to_kind, to: to_text, from_id: from, to_id: to };
};
const links = [
  link("mission:fix", "has", "agent:ada"),
  link("agent:ada", "decided", 'decision:say "no"\u001b[2J'),
  link('decision:say "no"\u001b[2J', "led to", "change:modified +1"),
  link("change:modified +1", "of", "file:a#1;.ts"),
  link("change:modified +1", "in", "commit:c0ffee"),
];

describe("a picture of a mission", () => {
  it("is a tree without what a terminal obeys, no wider than that", () => {
    const tree = [
      "mission fix",
      "└─ agent ada",
      '   └─ decision say "no"�[2J',
      "      └─ change modified +1",
      "         ├─ file a#1;.ts",
      "         └─ commit c0ffee",
    ];
    expect(renderTree(draw("mission", links), undefined)).toEqual(tree);
    expect(renderTree(draw("mission", links), 20)[2]).toBe("   └─ decision say …");
  });

  it("is code of Mermaid and Graphviz in which texts are texts", () => {
    const mermaid = renderMermaid(draw("mission", links)).split("\n");
    expect(mermaid.slice(0, 4)).toEqual([
      "flowchart LR",
      '  n0["mission fix"]',
      '  n1["agent ada"]',
      '  n2["decision say #34;no#34;#65533;#91;2J"]',
    ]);
    expect(mermaid).toContain('  n4["file a#35;1#59;.ts"]');
    expect(mermaid.at(-1)).toBe('  n3 -->|"in"| n5');
    const dot = renderDot(draw("mission", links)).split("\n");
    expect(dot[0]).toBe("digraph {");
    expect(dot).toContain(String.raw`  n2 [label="decision say \"no\"�[2J"];`);
    expect(dot.slice(-2)).toEqual(['  n3 -> n5 [label="in"];', "}"]);
  });

  it("is JSON with everything that was told", () => {
    const { nodes, edges } = JSON.parse(renderPictureJson(draw("mission", links))) as Picture;
    expect(nodes.map(({ kind, text }) => `${kind}:${text}`)).toEqual([
      ...new Set(links.flatMap(({ from_id, to_id }) => [from_id, to_id])),
    ]);
    expect(edges).toEqual(links.map(({ from_id: from, relation, to_id: to }) => ({ from, to, relation })));
  });
});

describe("any picture", () => {
  it("has a line for each thing and edge, whatever their texts hold", () => {
    const texts = fc.array(fc.string({ unit: "binary", maxLength: 200 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 20, max: 120 }), (given, width) => {
        const rows = given.map((text, n) => ({
          ...link("mission:m", "has", `agent:${n}`),
          to: text,
        }));
        const picture = draw("mission", rows);
        for (const line of renderTree(picture, width)) {
          expect(displayWidth(line)).toBeLessThanOrEqual(width);
          expect(line).not.toMatch(/[\p{Cc}\p{Cs}]/u);
        }
        for (const line of renderMermaid(picture).split("\n").slice(1))
          expect(line).toMatch(/^ {2}n\d+(\["[\p{L}\p{N} ./:,+#;-]*"\]| -->\|"has"\| n\d+)$/u);
        for (const line of renderDot(picture).split("\n").slice(3, -1))
          expect(line).toMatch(/^ {2}n\d+( -> n\d+)? \[label="([^"\\]|\\["\\])*"\];$/u);
      }),
    );
  });
});
