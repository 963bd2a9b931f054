import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import {
  fileKey,
  filesPrefix,
  firstRevision,
  heldKey,
  manifestKey,
  manifestsPrefix,
  parseManifestKey,
} from "#pipeline/siphon/archive/keys.ts";
import {
  judgeEnd,
  judgeSignature,
  type ManifestKeys,
  type ReachedKey,
} from "#pipeline/siphon/archive/manifest-keys.ts";
import {
  noManifest,
  parseManifest,
  sha256Of,
  type Manifest,
  type ManifestHead,
  type StoredManifest,
} from "#pipeline/siphon/archive/manifest.ts";
import { isLaterRevision, newestRevision } from "#pipeline/siphon/archive/newest-revision.ts";
import { MAX_FILE_BYTES, readObject } from "#pipeline/siphon/archive/read-object.ts";
import { readFile, type FileContent } from "./read-file.ts";

/** Something that is not as it should be: a file or manifest that is gone, changed, out of its chain, not signed as it must be, or nobody's. */
export type ArchiveFault = {
  readonly kind: "missing" | "altered" | "unchained" | "unsigned" | "unnamed";
  /** Name of the object. */
  readonly key: string;
  /** Frames that are in doubt by it, as far as that is known; else 1. */
  readonly frames: number;
  readonly message: string;
};

/** Names of files that were passed and that no manifest has spoken of yet, and the last name that was passed. */
type Passed = { readonly last: string; readonly unnamed: readonly string[] };

/** How far a walk has come. */
export type ArchivePosition = {
  /** The last manifest that was read. */
  readonly head: ManifestHead;
  /** The newest key by which one was signed up to there; 0 without it. */
  readonly reached?: ReachedKey;
  /** What the last one is about that speaks of what was written; undefined at the beginning. */
  readonly manifest?: Manifest | undefined;
  /** Undefined where the walk did not begin with the first manifest: it cannot tell which files are nobody's. */
  readonly passed?: Passed | undefined;
};

/** What one step found: the next manifest, with its file where that is what was written, or the end of the chain. */
export type ArchiveStep = {
  readonly faults: readonly ArchiveFault[];
  readonly manifest?: Manifest | undefined;
  readonly content?: FileContent | undefined;
  /** Undefined at the end. */
  readonly next: ArchivePosition | undefined;
};

/** What a step is told. */
export type WalkOptions = {
  readonly client: Pick<ObjectClient, "list" | "get" | "size">;
  /** Number of the newest manifest that was ever seen, 0 for none: up to it they must be there. */
  readonly newest: number;
  /** Whether a file must have its manifest by now. */
  readonly isDue: (key: string) => boolean;
  /** What signatures are held to; without them nobody looks at any. */
  readonly keys?: ManifestKeys | undefined;
};

/** Before the first manifest. */
export const archiveStart: ArchivePosition = { head: noManifest, passed: { last: filesPrefix, unnamed: [] } };

/** Names that are kept: those between a stream's end that was lost and the manifests that speak of what came in its place. */
const MAX_UNNAMED = 10_000;

/** Names of a page, where one or two are wanted: a full one takes a service and us 100 ms. */
const FEW = 4;

type Named = { readonly key: string; readonly number: number };
type NamedText = Named & { readonly text: Buffer };

const nextManifest = async ({ client }: WalkOptions, after: number): Promise<NamedText | undefined> => {
  const next = manifestKey(after + 1);
  const text = await readObject(client, next);
  if (text !== undefined) return { key: next, number: after + 1, text };
  for await (const { key } of client.list(manifestsPrefix, manifestKey(after), FEW)) {
    const number = parseManifestKey(key);
    if (number !== undefined) return { key, number, text: (await readObject(client, key)) ?? Buffer.of() };
  }
  return undefined;
};

const gapFault = (from: number, to: number): ArchiveFault[] =>
  from > to
    ? []
    : [{ kind: "missing", key: manifestKey(from), frames: 1, message: `manifests ${from} to ${to} are missing` }];

// What was written lies under a later name where somebody had planted something under its own, or under its next revision's.
const isOfItsCut = ({ key, cut, replaces }: Manifest): boolean =>
  fileKey(cut) === firstRevision(key) && (replaces === undefined || isLaterRevision(key, replaces));

/** The file that has taken the place of one: its newest revision, whose bytes its own manifest speaks of. */
const readReplacing = async ({ client }: WalkOptions, key: string): Promise<FileContent | undefined> => {
  const newest = await newestRevision(client, key);
  const file = newest === undefined ? undefined : await readObject(client, newest);
  return file && readFile(file).catch(() => undefined);
};

/** A file that a lock holds behind an erasure is there, and its revision in its place. */
const inPlaceOf = async (options: WalkOptions, key: string, content: FileContent): Promise<FileContent> => {
  if ((await options.client.size(heldKey(key))) === undefined) return content;
  return (await readReplacing(options, key)) ?? content;
};

const manifestFaults = (
  { key, number }: Named,
  manifest: Manifest | undefined,
  before: ManifestHead,
): ArchiveFault[] => {
  const fault = (kind: ArchiveFault["kind"], message: string): ArchiveFault[] => [{ kind, key, frames: 1, message }];
  if (number !== before.number + 1) return gapFault(before.number + 1, number - 1);
  if (manifest === undefined) return fault("altered", `${key} is no manifest`);
  if (manifest.number !== number) return fault("altered", `${key} has number ${manifest.number}`);
  if (!isOfItsCut(manifest)) return fault("altered", `${key} names another file than that of its cut`);
  if (manifest.previous === before.sha256) return [];
  return fault("unchained", `${key} does not follow the manifest before it`);
};

type Signatures = { readonly faults: readonly ArchiveFault[]; readonly reached: ReachedKey };

const readSignature = (
  { keys }: WalkOptions,
  { key }: Named,
  stored: StoredManifest,
  at: ArchivePosition,
): Signatures => {
  const { head, reached = 0 } = at;
  if (keys === undefined) return { faults: [], reached };
  const judged = judgeSignature(keys, stored, { head, reached });
  const { rows: frames } = stored.manifest;
  const told = (message: string): ArchiveFault[] => [{ kind: "unsigned", key, frames, message: `${key} ${message}` }];
  return { faults: judged.fault === undefined ? [] : told(judged.fault), reached: judged.reached };
};

const endFaults = ({ keys }: WalkOptions, { head, reached = 0 }: ArchivePosition): ArchiveFault[] => {
  const message = keys && judgeEnd(keys, reached, head);
  return message === undefined ? [] : [{ kind: "unsigned", key: manifestKey(head.number), frames: 1, message }];
};

type ReadFile = { readonly faults: readonly ArchiveFault[]; readonly content?: FileContent };

const readNamed = async (options: WalkOptions, { key, bytes, rows, sha256 }: Manifest): Promise<ReadFile> => {
  const { client } = options;
  const fault = (kind: ArchiveFault["kind"], message: string): ReadFile => ({
    faults: [{ kind, key, frames: rows, message }],
  });
  const size = await client.size(key);
  if (size === undefined) {
    const content = await readReplacing(options, key);
    return content === undefined ? fault("missing", `${key} is missing`) : { faults: [], content };
  }
  // Nobody reads what cannot be the file.
  const file = size === bytes && size <= MAX_FILE_BYTES ? await readObject(client, key) : undefined;
  if (file === undefined || sha256Of(file) !== sha256)
    return fault("altered", `${key} is not the file that was written`);
  const content = await readFile(file).catch(String);
  if (typeof content === "string") return fault("altered", `${key} cannot be read: ${content}`);
  if (content.frames.length !== rows)
    return fault("altered", `${key} has ${content.frames.length} frames, its manifest says ${rows}`);
  return { faults: [], content: await inPlaceOf(options, key, content) };
};

/** Passes the files up to `key`; those that are not it wait for a manifest that speaks of them. */
const passTo = async ({ client }: WalkOptions, { last, unnamed }: Passed, key: string): Promise<Passed> => {
  if (key <= last) return { last, unnamed: unnamed.filter((name) => name !== key) };
  const between: string[] = [];
  for await (const { key: name } of client.list(filesPrefix, last, FEW)) {
    if (name >= key || unnamed.length + between.length >= MAX_UNNAMED) break;
    between.push(name);
  }
  return { last: key, unnamed: [...unnamed, ...between] };
};

const unnamedFaults = async ({ client, isDue }: WalkOptions, { last, unnamed }: Passed): Promise<ArchiveFault[]> => {
  const names = [...unnamed];
  for await (const { key } of client.list(filesPrefix, last)) {
    if (names.length >= MAX_UNNAMED) break;
    names.push(key);
  }
  return names
    .filter(isDue)
    .map((key) => ({ kind: "unnamed", key, frames: 1, message: `no manifest speaks of ${key}` }));
};

const atEnd = async (options: WalkOptions, at: ArchivePosition): Promise<ArchiveStep> => {
  const { head, passed } = at;
  const unnamed = passed === undefined ? [] : await unnamedFaults(options, passed);
  const faults = [...gapFault(head.number + 1, options.newest), ...endFaults(options, at), ...unnamed];
  return { faults, next: undefined };
};

/**
 * Reads the manifest behind a position, and its file: one step of a walk over the archive, of which no more than that file is
 * in memory. What was cut off behind the newest manifest that was ever seen, with its files, it cannot tell.
 */
export const stepArchive = async (options: WalkOptions, at: ArchivePosition): Promise<ArchiveStep> => {
  const named = await nextManifest(options, at.head.number);
  if (named === undefined) return atEnd(options, at);
  const stored = parseManifest(named.text);
  const manifest = stored?.manifest;
  const faults = manifestFaults(named, manifest, at.head);
  const head = { number: named.number, sha256: sha256Of(named.text) };
  if (stored === undefined || manifest === undefined) return { faults, next: { ...at, head } };
  const signature = readSignature(options, named, stored, at);
  const passed = at.passed && (await passTo(options, at.passed, manifest.key));
  const file = await readNamed(options, manifest);
  const isWritten = manifest.replaces === undefined;
  return {
    manifest,
    faults: [...faults, ...signature.faults, ...file.faults],
    // A revision's frames were given where the file stood that it replaces.
    ...(isWritten ? { content: file.content } : {}),
    next: { head, reached: signature.reached, manifest: isWritten ? manifest : at.manifest, passed },
  };
};
