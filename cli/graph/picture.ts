/** A thing in a picture: `kind` in one or two words, such as file; `text` is anybody's words. */
export type PictureNode = { readonly id: string; readonly kind: string; readonly text: string };

/** Two things that belong together, and how. */
export type PictureEdge = { readonly from: string; readonly to: string; readonly relation: string };

/** What is drawn: things that edges lead to from the roots. */
export type Picture = {
  readonly roots: readonly string[];
  readonly nodes: readonly PictureNode[];
  readonly edges: readonly PictureEdge[];
};

/** Puts a picture together; a thing or an edge that is told again is there once. */
export class PictureBuilder {
  private readonly nodes = new Map<string, PictureNode>();
  private readonly edges = new Map<string, PictureEdge>();

  node(node: PictureNode): string {
    if (!this.nodes.has(node.id)) this.nodes.set(node.id, node);
    return node.id;
  }

  edge(edge: PictureEdge): void {
    this.edges.set(JSON.stringify([edge.from, edge.relation, edge.to]), edge);
  }

  /** Whether a thing is in it. */
  has(id: string): boolean {
    return this.nodes.has(id);
  }

  build(roots: readonly string[]): Picture {
    return { roots, nodes: [...this.nodes.values()], edges: [...this.edges.values()] };
  }
}
