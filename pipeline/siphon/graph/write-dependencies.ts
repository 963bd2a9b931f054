import type { RunStatement } from "#nervous-system/stores/neo4j/graph-client.ts";
import {
  foldDependencies,
  type DependencyChanges,
  type KnownDependencies,
} from "#pipeline/siphon/graph/dependencies.ts";
import type { Projected, Stamp } from "#pipeline/siphon/graph/model.ts";
import * as statements from "#pipeline/siphon/graph/statements.ts";

type Known = { key: string; stream: string | null; place: number | null; on: string[] };

const readKnown = async (
  run: RunStatement,
  files: readonly string[],
): Promise<ReadonlyMap<string, KnownDependencies>> => {
  const rows = await run<Known>(statements.readDependencies, { keys: files });
  return new Map(
    rows.map(({ key, stream, place, on }) => [
      key,
      { on, said: stream === null || place === null ? undefined : { stream, place } },
    ]),
  );
};

const endOf = ({ place, at }: Stamp): object => ({ valid_to: place, ended_at: at });

const store = async (run: RunStatement, { begun, ended, said }: DependencyChanges): Promise<void> => {
  // First what ends: the same pair may begin again in the same batch.
  const ends = ended.map(({ from, to, end }) => ({ from, to, ...endOf(end) }));
  if (ends.length > 0) await run(statements.endDependencies, { rows: ends });
  const begins = begun.map(({ from, to, event, stamp, end }) => ({
    from,
    to,
    properties: { event, ...stamp, valid_from: stamp.place, ...(end === undefined ? {} : endOf(end)) },
  }));
  if (begins.length > 0) await run(statements.beginDependencies, { rows: begins });
  const places = [...said].map(([key, { stream, place }]) => ({ key, stream, place }));
  if (places.length > 0) await run(statements.keepDependenciesSaid, { rows: places });
};

/** Writes which files depend on which since when, and until when, by what these frames state. */
export const writeDependencies = async (run: RunStatement, frames: readonly Projected[]): Promise<void> => {
  const stated = frames.flatMap(({ event: { key: event, stamp }, dependencies }) =>
    dependencies.map((statement) => ({ ...statement, event, stamp })),
  );
  if (stated.length === 0) return;
  const known = await readKnown(run, [...new Set(stated.map(({ file }) => file))]);
  await store(run, foldDependencies(known, stated));
};
