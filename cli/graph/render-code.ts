import { printable, printableJson } from "../printable.ts";
import type { Picture } from "./picture.ts";

/** Longer texts make a picture that nobody sees whole. */
const MAX_TEXT = 80;

const shortOf = (text: string): string => {
  const line = printable(text);
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT - 1).toWellFormed()}…` : line;
};

/** What Mermaid could take for its own is written by its number. */
const inMermaid = (text: string): string =>
  shortOf(text).replaceAll(/[^\p{L}\p{N} ./:,+-]/gu, (sign) => `#${sign.codePointAt(0) ?? 0};`);

const inDot = (text: string): string => `"${shortOf(text).replaceAll(/["\\]/g, String.raw`\$&`)}"`;

type Named = { readonly name: string; readonly kind: string; readonly text: string };

const namesOf = ({ nodes }: Picture): ReadonlyMap<string, Named> =>
  new Map(nodes.map(({ id, kind, text }, at) => [id, { name: `n${at}`, kind, text }]));

type Notation = {
  readonly begin: string;
  node(node: Named): string;
  edge(from: string, to: string, relation: string): string;
  readonly end: string;
};

const render = (picture: Picture, { begin, node, edge, end }: Notation): string => {
  const names = namesOf(picture);
  const nameOf = (id: string): string => names.get(id)?.name ?? "";
  const edges = picture.edges.map(({ from, to, relation }) => edge(nameOf(from), nameOf(to), relation));
  return [begin, ...[...names.values()].map(node), ...edges, end].filter((line) => line !== "").join("\n");
};

/** Draws a picture as a flowchart of Mermaid. */
export const renderMermaid = (picture: Picture): string =>
  render(picture, {
    begin: "flowchart LR",
    node: ({ name, kind, text }) => `  ${name}["${inMermaid(`${kind} ${text}`)}"]`,
    edge: (from, to, relation) => `  ${from} -->|"${inMermaid(relation)}"| ${to}`,
    end: "",
  });

/** Draws a picture as a graph of Graphviz. */
export const renderDot = (picture: Picture): string =>
  render(picture, {
    begin: "digraph {\n  rankdir=LR;\n  node [shape=box];",
    node: ({ name, kind, text }) => `  ${name} [label=${inDot(`${kind} ${text}`)}];`,
    edge: (from, to, relation) => `  ${from} -> ${to} [label=${inDot(relation)}];`,
    end: "}",
  });

/** A picture as JSON: nodes and edges by id. */
export const renderPictureJson = ({ nodes, edges }: Picture): string => printableJson({ nodes, edges });
