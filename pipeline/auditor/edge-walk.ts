import type { Stray } from "#pipeline/auditor/compare-graph.ts";
import { gatherFindings, type Fault } from "#pipeline/auditor/finding.ts";
import type { GraphParts } from "#pipeline/auditor/graph-parts.ts";
import type { Walk } from "#pipeline/auditor/walk.ts";
import type { ThingLabel } from "#pipeline/siphon/graph/model.ts";

/** How far the walk has come, and what it found on its way. */
type EdgePosition = { readonly label: number; readonly key: string; readonly faults: readonly Fault[] };

const labels: readonly ThingLabel[] = ["Mission", "Agent", "Persona", "File", "Commit", "PullRequest", "Image"];

const PAGE = 100;
const MAX_FAULTS = 1000;

const faultOf = ({ type, from, to, event }: Stray): Fault => ({
  store: "graph",
  kind: "unknown",
  subject: from,
  what: `edge ${type} from ${from} to ${to}, which says that it follows from ${event === "" ? "nothing" : event}`,
});

/** The walk over the edges between things, page by page: each must follow from the frame of which it says that it does. */
export const createEdgeWalk = (graph: Pick<GraphParts, "edgesBehind">): Walk<EdgePosition> => ({
  name: "edges",
  begin: { label: 0, key: "", faults: [] },
  stride: async ({ label: at, key, faults }, _view, signal) => {
    const label = labels[at];
    if (label === undefined) return { unit: "edges", findings: gatherFindings(faults), bytes: 0, next: undefined };
    const page = await graph.edgesBehind(label, key, PAGE, signal);
    if (page === undefined) return { findings: [], bytes: 0, next: { label: at + 1, key: "", faults } };
    const all = [...faults, ...page.strays.map(faultOf)].slice(0, MAX_FAULTS);
    return { findings: [], bytes: 0, next: { label: at, key: page.last, faults: all } };
  },
});
