import { chunkOf } from "#nervous-system/comms/nats/place.ts";
import { gatherFindings, type Fault } from "#pipeline/auditor/finding.ts";
import type { GraphParts, NodeOfFrame } from "#pipeline/auditor/graph-parts.ts";
import type { LedgerRows } from "#pipeline/auditor/ledger-rows.ts";
import { finishedBy, type StreamView } from "#pipeline/auditor/view.ts";
import type { Walk } from "#pipeline/auditor/walk.ts";
import { keyOf } from "#pipeline/siphon/graph/keys.ts";

/** How far the walk has come, and what it found on its way. */
type NodePosition = { readonly key: string; readonly faults: readonly Fault[] };

const PAGE = 500;
const MAX_FAULTS = 1000;

/** Whether the ledger must hold the frame of a node by now. */
const isDue = ({ stream, place }: NodeOfFrame, view: StreamView): boolean =>
  stream !== view.created || chunkOf(place) <= finishedBy(view, "ledger");

/** Whether a node stands under the key of the frame that it says it is; who sent an external client's event it does not say. */
const isItself = ({ key, namespace, agentUid, epoch, seq }: NodeOfFrame): boolean =>
  seq === 0 || key === keyOf(namespace, agentUid, epoch, seq);

const faultOf = ({ key, agentUid, epoch, place }: NodeOfFrame): Fault => ({
  store: "graph",
  kind: "unknown",
  subject: `${agentUid}/${epoch}`,
  place,
  what: `node ${key}`,
});

/** The walk over the graph's nodes of frames, page by page, and over the ledger's rows of the same frames. */
export const createNodeWalk = (graph: GraphParts, ledger: Pick<LedgerRows, "which">): Walk<NodePosition> => ({
  name: "nodes",
  begin: { key: "", faults: [] },
  stride: async ({ key, faults }, view, signal) => {
    const nodes = await graph.nodesBehind(key, PAGE, signal);
    const last = nodes.at(-1);
    if (last === undefined) return { unit: "nodes", findings: gatherFindings(faults), bytes: 0, next: undefined };
    const known = await ledger.which(nodes, signal);
    const strange = nodes.filter((node, at) => isDue(node, view) && !(known[at] && isItself(node)));
    const all = [...faults, ...strange.map(faultOf)].slice(0, MAX_FAULTS);
    return { findings: [], bytes: 0, next: { key: last.key, faults: all } };
  },
});
