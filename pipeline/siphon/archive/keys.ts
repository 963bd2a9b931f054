import { createHash } from "node:crypto";
import { insertToken, type Cut } from "#pipeline/siphon/sink.ts";

/**
 * Where the archive lies in the bucket, beside the blobs. No namespace has a dot in its name, so nobody's blobs lie
 * below it; another layout would be another root.
 */
const root = "archive.v1/";

/** Prefix of the files of frames. */
export const filesPrefix = `${root}frames/`;
/** Prefix of the manifests. */
export const manifestsPrefix = `${root}manifests/`;
/** Prefix of the keys of erased frames. */
export const erasedPrefix = `${root}erased/`;
/** Prefix of the kept cuts. */
export const cutsPrefix = `${root}cuts/`;

const PLACE_DIGITS = 16;
const FINGERPRINT_DIGITS = 16;

const padded = (number: number, digits: number): string => String(number).padStart(digits, "0");

/** A time of creation as the folder of a stream is named; what could mean something in a URL or a shell goes. */
export const folderOf = (stream: string): string => stream.replaceAll(/[^\dA-Za-z.]/g, "").slice(0, 40) || "_";

/**
 * Name of the file of a cut, from nothing but the cut: the same cut is the same file. The fingerprint tells it from a cut
 * of the same places in a stream that lost its tail. The order of the names is the order of the stream.
 */
export const fileKey = (cut: Cut): string => {
  const fingerprint = createHash("sha256").update(insertToken("archive", cut)).digest("hex");
  const places = [cut.from, cut.to].map((place) => padded(place, PLACE_DIGITS)).join("-");
  return `${filesPrefix}${folderOf(cut.stream)}/${places}-${fingerprint.slice(0, FINGERPRINT_DIGITS)}.parquet`;
};

/** What the name of a file says: the folder of its stream, and the places of its first and last frame. */
export type FilePlaces = { readonly folder: string; readonly from: number; readonly to: number };

const FILE = /^(?<folder>[^/]+)\/(?<from>\d{16})-(?<to>\d{16})-[0-9a-f]{16}(\.r[1-9]\d{0,5})?\.parquet$/;
const REVISION = /^(?<whole>.*?)(\.r(?<revision>[1-9]\d{0,5}))?\.parquet$/;

/** Name of the file as it was first written, of which this is a revision, or it itself. */
export const firstRevision = (key: string): string => `${REVISION.exec(key)?.groups?.["whole"] ?? key}.parquet`;

/** Name of the file that takes the place of a file, in which something of that was erased. */
export const nextRevision = (key: string): string => {
  const { whole = key, revision = "0" } = REVISION.exec(key)?.groups ?? {};
  return `${whole}.r${Number(revision) + 1}.parquet`;
};

/** Prefix of all revisions of a file, but for it itself as it was first written. */
export const revisionsPrefix = (key: string): string => `${REVISION.exec(key)?.groups?.["whole"] ?? key}.r`;

/** Reads the name of a file of frames; undefined where it is none. */
export const parseFileKey = (key: string): FilePlaces | undefined => {
  if (!key.startsWith(filesPrefix)) return undefined;
  const { folder = "", from, to } = FILE.exec(key.slice(filesPrefix.length))?.groups ?? {};
  return from === undefined ? undefined : { folder, from: Number(from), to: Number(to) };
};

/** Name of a manifest by its number, from 1. */
export const manifestKey = (number: number): string => `${manifestsPrefix}${padded(number, PLACE_DIGITS)}.json`;

/** The number of a manifest by its name; undefined where it is none. */
export const parseManifestKey = (key: string): number | undefined => {
  const digits = /^(\d{16})\.json$/.exec(key.slice(manifestsPrefix.length))?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** Name of the kept cut of a slot. */
export const cutKey = (slot: number): string => `${cutsPrefix}${padded(slot, 2)}.json`;

/** Prefix of the marks of objects that were to be erased and that a lock holds. */
export const heldPrefix = `${root}held/`;

/** Name of the mark of an object that a lock holds. */
export const heldKey = (key: string): string =>
  `${heldPrefix}${createHash("sha256").update(key).digest("hex").slice(0, 32)}.json`;

/** Name of how far an import into a sink has come. */
export const importKey = (sink: string): string => `${root}imports/${sink}.json`;
