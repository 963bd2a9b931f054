import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { filesPrefix, parseFileKey, type FilePlaces } from "#pipeline/siphon/archive/keys.ts";
import { readObject } from "#pipeline/siphon/archive/read-object.ts";
import { readFile, type FileContent } from "./read-file.ts";

/** A point of the archive: the folder of a stream, and a place of it. Folders are in the order of their names. */
export type ArchivePoint = { readonly folder: string; readonly place: number };

/** A frame of the archive, the folder of the stream that held it, and when that was created. */
export type ArchivedFrame = { readonly folder: string; readonly stream: string; readonly frame: StoredFrame };

type File = FilePlaces & { readonly key: string };

/** The files that hold something behind a point, in the order of their names. */
async function* filesBehind(client: Pick<ObjectClient, "list">, after: ArchivePoint | undefined): AsyncGenerator<File> {
  const { folder = "", place = -1 } = after ?? {};
  for await (const { key } of client.list(filesPrefix, `${filesPrefix}${folder}`)) {
    const places = parseFileKey(key);
    if (places !== undefined && (places.folder !== folder || places.to > place)) yield { ...places, key };
  }
}

const keyOf = ({ place, envelope, hash }: StoredFrame): string =>
  [place, envelope.agent_uid, envelope.epoch, envelope.seq, envelope.event_id, hash].join("/");

/** 0 for what was erased: beside a file stands its revision for as long as it takes to remove the file. */
const erasedFirst = ({ bytes }: StoredFrame): number => (erasedDigest(bytes) === undefined ? 1 : 0);

const inOrder = (a: StoredFrame, b: StoredFrame): number =>
  a.place - b.place ||
  (a.storedNs < b.storedNs ? -1 : Number(a.storedNs > b.storedNs)) ||
  erasedFirst(a) - erasedFirst(b);

/** Frames that were read and may not be given yet, as a file that is still to come may hold some from before them. */
class Pending {
  private frames: StoredFrame[] = [];

  add(frames: readonly StoredFrame[]): void {
    this.frames = [...this.frames, ...frames].toSorted(inOrder);
  }

  /** Takes what stands before a place, each frame once. */
  *takeBefore(place: number): Generator<StoredFrame> {
    const end = this.frames.findIndex((frame) => frame.place >= place);
    const given = new Set<string>();
    for (const frame of this.frames.splice(0, end < 0 ? this.frames.length : end)) {
      const key = keyOf(frame);
      if (!given.has(key)) yield frame;
      given.add(key);
    }
  }
}

/** Says of a file that was read whether its frames are given. */
export type Admits = (key: string, bytes: Uint8Array) => Promise<boolean>;

const readWhole = async (
  client: Pick<ObjectClient, "get">,
  { key }: File,
  admits: Admits,
): Promise<FileContent | undefined> => {
  const bytes = await readObject(client, key);
  if (bytes === undefined) throw new Error(`${key} is listed and cannot be read`);
  if (!(await admits(key, bytes))) return undefined;
  try {
    return await readFile(bytes);
  } catch (error) {
    throw new Error(`${key} cannot be read: ${String(error)}`, { cause: error });
  }
};

/**
 * Reads every frame of the archive, or those behind a point, in the order of their streams. What a sink wrote again by
 * other cuts, at the same places, comes once; what a stream stored again at other places, since it had lost it, comes
 * again. Holds the frames of the files that lie over one another: of one or two. Rejects at a file that cannot be read.
 */
export async function* readArchive(
  client: Pick<ObjectClient, "list" | "get">,
  after?: ArchivePoint,
  admits: Admits = () => Promise.resolve(true),
): AsyncGenerator<ArchivedFrame> {
  const pending = new Pending();
  let [folder, stream] = [after?.folder ?? "", ""];
  const isBehind = (frame: StoredFrame): boolean => folder !== after?.folder || frame.place > after.place;
  for await (const file of filesBehind(client, after)) {
    const border = file.folder === folder ? file.from : Infinity;
    for (const frame of pending.takeBefore(border)) yield { folder, stream, frame };
    const read = await readWhole(client, file, admits);
    if (read === undefined) continue;
    [folder, stream] = [file.folder, read.cut.stream];
    pending.add(read.frames.filter(isBehind));
  }
  for (const frame of pending.takeBefore(Infinity)) yield { folder, stream, frame };
}
