import { fitted } from "../ask/display-width.ts";
import { printable } from "../printable.ts";
import type { Picture, PictureNode } from "./picture.ts";

/** Who stands below whom; what was drawn already is named and not drawn again, as it may lead back to itself. */
class Tree {
  readonly lines: string[] = [];
  private readonly nodes: ReadonlyMap<string, PictureNode>;
  private readonly below = new Map<string, string[]>();
  private readonly drawn = new Set<string>();

  constructor({ nodes, edges }: Picture) {
    this.nodes = new Map(nodes.map((node) => [node.id, node]));
    for (const { from, to } of edges) this.below.set(from, [...(this.below.get(from) ?? []), to]);
  }

  draw(root: string): void {
    // A stack, not calls: a picture may be thousands deep.
    const waiting = [{ id: root, lead: "", under: "" }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { id, lead, under } = next;
      const children = this.childrenOf(id);
      const again = this.drawn.has(id) && children.length > 0;
      this.lines.push(`${lead}${this.nameOf(id)}${again ? " (above)" : ""}`);
      if (again) continue;
      this.drawn.add(id);
      const last = children.length - 1;
      const branches = children.map((child, at) => ({
        id: child,
        lead: `${under}${at === last ? "└─ " : "├─ "}`,
        under: `${under}${at === last ? "   " : "│  "}`,
      }));
      waiting.push(...branches.toReversed());
    }
  }

  private childrenOf(id: string): readonly string[] {
    return this.below.get(id) ?? [];
  }

  private nameOf(id: string): string {
    const { kind = "", text = "" } = this.nodes.get(id) ?? {};
    return printable(`${kind} ${text}`);
  }
}

/** Draws a picture as a tree in lines, cut to `width` places where there is a terminal. */
export const renderTree = (picture: Picture, width: number | undefined): string[] => {
  const tree = new Tree(picture);
  for (const root of picture.roots) tree.draw(root);
  return width === undefined ? tree.lines : tree.lines.map((line) => fitted(line, width).trimEnd());
};
