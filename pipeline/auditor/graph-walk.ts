import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { newestPosition } from "#pipeline/archive-reader/newest-position.ts";
import { archiveStart, stepArchive, type ArchivePosition } from "#pipeline/archive-reader/walk-archive.ts";
import { compareGraph, expectGraph } from "#pipeline/auditor/compare-graph.ts";
import { gatherFindings } from "#pipeline/auditor/finding.ts";
import type { GraphParts } from "#pipeline/auditor/graph-parts.ts";
import { isSettled } from "#pipeline/auditor/view.ts";
import type { Walk } from "#pipeline/auditor/walk.ts";

/** The graph, and the archive that says what should be in it. */
type GraphStores = { readonly archive: Pick<ObjectClient, "list" | "get" | "size">; readonly graph: GraphParts };

/** The walk over the archive, file by file, and over what the graph's rules make of each; what is wrong with a file the record's walk tells. */
export const createGraphWalk = ({ archive: client, graph }: GraphStores): Walk<ArchivePosition> => ({
  name: "graph",
  begin: archiveStart,
  newest: () => newestPosition(client),
  stride: async (at, view, signal) => {
    const { manifest, content, next } = await stepArchive({ client, newest: 0, isDue: () => false }, at);
    if (next === undefined) return { findings: [], bytes: 0, next };
    if (manifest === undefined || content === undefined) return { findings: [], bytes: 0, next };
    if (!isSettled(view, "graph", manifest.cut)) return undefined;
    const expected = expectGraph(content.frames, content.stream);
    const findings = gatherFindings(compareGraph(expected, await graph.find(expected, signal)));
    return { unit: `manifest ${next.head.number}`, findings, bytes: manifest.bytes, next };
  },
});
