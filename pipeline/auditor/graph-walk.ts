import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { newestPosition } from "#pipeline/archive-reader/newest-position.ts";
import { archiveStart, stepArchive, type ArchivePosition } from "#pipeline/archive-reader/walk-archive.ts";
import { compareGraph, expectGraph } from "#pipeline/auditor/compare-graph.ts";
import { gatherFindings, type Fault } from "#pipeline/auditor/finding.ts";
import type { GraphParts } from "#pipeline/auditor/graph-parts.ts";
import { isSettled } from "#pipeline/auditor/view.ts";
import { projectInGroups } from "#pipeline/siphon/graph/project.ts";
import type { Walk } from "#pipeline/auditor/walk.ts";

const MAX_ROWS = 20_000;

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
    const faults: Fault[] = [];
    // In groups as the sink writes them: a file of frames that name hundreds of files each would fill the memory.
    for (const group of projectInGroups(content.frames, content.cut.stream, MAX_ROWS)) {
      const expected = expectGraph(group);
      faults.push(...compareGraph(expected, await graph.find(expected, signal)));
    }
    const findings = gatherFindings(faults);
    return { unit: `manifest ${next.head.number}`, findings, bytes: manifest.bytes, next };
  },
});
