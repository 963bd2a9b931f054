import * as z from "zod";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { checkArchive, type ArchiveCheck } from "#pipeline/archive-reader/check-archive.ts";
import { runImport } from "#pipeline/importer/run-import.ts";
import { openBucket } from "#pipeline/siphon/archive/sink.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { siphonSettings, sinks } from "#pipeline/siphon/sinks.ts";

/** The importer's environment, which is the siphon's and what to do. */
export const importerSettings = siphonSettings.extend({
  ENCHANTED_IMPORT_INTO: z
    .enum(["ledger", "graph", "memory"])
    .default("ledger")
    .describe("the store that is filled from the archive: ledger, graph or memory"),
  ENCHANTED_IMPORT_ANEW: z
    .stringbool()
    .default(false)
    .describe("true to begin with the first frame, although an import broke off on its way"),
});

/** What the importer gets from the process that it runs in. */
export type ImporterEnvironment = Omit<PartEnvironment, "healthPort"> & {
  readonly settings: z.output<typeof importerSettings>;
};

/** An import on its way. */
export type Importer = {
  /** Resolves when it is through; rejects when it cannot go on, was stopped, or found that the archive is not whole. */
  readonly done: Promise<void>;
  /** Breaks off behind the batch that is being written; the next import goes on there. */
  stop(): Promise<void>;
};

/** Says what an archive lacks: what was not there to be read nobody else would miss. */
const refuseFaults = ({ faults }: ArchiveCheck): void => {
  if (faults.length > 0)
    throw new Error(`the archive is not whole, ${faults.length} faults: ${faults.slice(0, 20).join("; ")}`);
};

/** Starts filling a store from the archive. */
export const startImporter = async ({ settings, ...environment }: ImporterEnvironment): Promise<Importer> => {
  const { log } = environment;
  const kind = sinks.find(({ name }) => name === settings.ENCHANTED_IMPORT_INTO);
  const sink = await kind?.create(settings, environment);
  if (kind === undefined || sink === undefined)
    throw new Error(`no store named ${settings.ENCHANTED_IMPORT_INTO} is set up`);
  const archive = await openBucket(settings);
  const stopping = new AbortController();
  const metrics = createSiphonMetrics(createRegistry());
  const options = { ...environment, kind, sink, archive, metrics, anew: settings.ENCHANTED_IMPORT_ANEW };
  const importAndClose = async (): Promise<void> => {
    try {
      const imported = await runImport(options, stopping.signal);
      log.info(imported, `the archive is in the ${kind.name}`);
      refuseFaults(await checkArchive(archive));
    } finally {
      await sink.close();
      archive.close();
    }
  };
  const running = importAndClose();
  return {
    done: running,
    stop: async () => {
      stopping.abort(new Error("the import was stopped"));
      await running.catch(() => undefined);
    },
  };
};
