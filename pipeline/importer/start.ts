import * as z from "zod";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { checkArchive, type ArchiveCheck } from "#pipeline/archive-reader/check-archive.ts";
import { createSignedFiles } from "#pipeline/archive-reader/signed-files.ts";
import { createAdmission, type Admission } from "#pipeline/importer/admit-files.ts";
import { runImport } from "#pipeline/importer/run-import.ts";
import { readManifestKeys } from "#pipeline/siphon/archive/key-settings.ts";
import type { ManifestKeys } from "#pipeline/siphon/archive/manifest-keys.ts";
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
  ENCHANTED_IMPORT_UNSIGNED: z
    .stringbool()
    .default(false)
    .describe(
      "true to take files, too, of which no manifest speaks that is signed by a key of ARCHIVE_PUBLIC_KEYS_FILE",
    ),
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

const remedy =
  "restore them from a copy of the bucket, put a key that signed them and is not in public.pem of the archive's key there (before the newest), " +
  "or set ENCHANTED_IMPORT_UNSIGNED=true to take them as they are";

/** Says what an archive lacks: what was not there to be read nobody else would miss. */
const refuseFaults = (refused: readonly string[], { faults }: ArchiveCheck): void => {
  const all = [...refused, ...faults];
  if (all.length === 0) return;
  const todo = refused.length === 0 ? "" : `; of what was not imported: ${remedy}; docs/runbooks/record-differs.md`;
  throw new Error(`the archive is not whole, ${all.length} faults: ${all.slice(0, 20).join("; ")}${todo}`);
};

/** The keys that files are held to; undefined where none are named, or somebody wants files that are not signed. */
const keysOf = async (settings: ImporterEnvironment["settings"], log: Log): Promise<ManifestKeys | undefined> => {
  const keys = settings.ENCHANTED_IMPORT_UNSIGNED ? undefined : await readManifestKeys(settings);
  if (keys === undefined) log.warn({}, "no signature of the archive is looked at");
  return keys;
};

/** Decides what is imported by the manifests, all of which it reads; undefined where nobody looks at signatures. */
const admissionOf = async (
  archive: ObjectClient,
  keys: ManifestKeys | undefined,
  environment: Pick<ImporterEnvironment, "clock" | "log">,
  signal: AbortSignal,
): Promise<Admission | undefined> => {
  if (keys === undefined) return undefined;
  const files = createSignedFiles(archive, keys);
  await files.readOn();
  return createAdmission(files, environment, signal);
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
  const keys = await keysOf(settings, log);
  const options = { ...environment, kind, sink, archive, metrics, anew: settings.ENCHANTED_IMPORT_ANEW };
  const importAndClose = async (): Promise<void> => {
    try {
      const admission = await admissionOf(archive, keys, environment, stopping.signal);
      const imported = await runImport({ ...options, admits: admission?.admits }, stopping.signal);
      log.info(imported, `the archive is in the ${kind.name}`);
      refuseFaults(admission?.refused() ?? [], await checkArchive(archive, keys));
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
