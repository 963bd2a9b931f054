import type { Buffer } from "node:buffer";
import { parseSnapshotManifest, type SnapshotManifest } from "#nervous-system/schemas/snapshot-manifest.ts";
import { parseConversation, type ConversationMessage } from "../models/conversation.ts";
import { layOutBase, layOutTree, type Repository } from "../workspace/repository.ts";
import type { BlobStore } from "./blobs.ts";
import type { Kept } from "./snapshots.ts";

/** The state that an earlier attempt kept, laid out. */
export type Resumed = {
  readonly repository: Repository;
  readonly messages: readonly ConversationMessage[];
  readonly kept: Kept;
};

type ResumeOptions = {
  readonly repository: Repository;
  readonly blobs: BlobStore;
  readonly privateDir: string;
  /** Digest of the snapshot's manifest. */
  readonly manifest: string;
  /** What a conversation about the task begins with. */
  readonly opening: string;
};

// As long as a proposal waits for the same store: hours of work may be in it.
const getMs = 600_000;
/** Bytes of all parts together: they stand in memory at once. */
const maxBytes = 128 * 1024 * 1024;

const readManifest = async ({ blobs, manifest, repository }: ResumeOptions): Promise<SnapshotManifest> => {
  const read = parseSnapshotManifest(await blobs.get(manifest, getMs));
  if (read === undefined) throw new Error("its manifest is none of this version");
  if (read.base !== repository.base) throw new Error(`it stands on ${read.base}, the work on ${repository.base}`);
  return read;
};

const beginsWith = (opening: string, [first]: readonly ConversationMessage[]): boolean =>
  first?.role === "user" && typeof first.content === "string" && first.content.startsWith(opening);

/**
 * Lays the kept state out, without a conversation that is not about the task: whoever came into the pod could have kept another. Rejects,
 * with the base's files in place again, where any of it is missing or not what it says.
 */
export const resumeFrom = async (options: ResumeOptions): Promise<Resumed> => {
  const { blobs, privateDir } = options;
  const { tree, bundles, conversation } = await readManifest(options);
  let bytes = 0;
  const getAll = async (digests: readonly string[]): Promise<Buffer[]> => {
    const parts: Buffer[] = [];
    for (const digest of digests) {
      const part = await blobs.get(digest, getMs);
      bytes += part.length;
      if (bytes > maxBytes) throw new Error(`its parts are more than ${maxBytes} bytes`);
      parts.push(part);
    }
    return parts;
  };
  const said = (await getAll(conversation)).flatMap((part) => parseConversation(part.toString("utf8")));
  const isOurs = beginsWith(options.opening, said);
  const messages = isOurs ? said : [];
  const packed = await getAll(bundles);
  try {
    const { repository, head } = await layOutTree(options.repository, { tree, bundles: packed }, privateDir);
    const parts = isOurs ? conversation : [];
    return { repository, messages, kept: { tree, bundles, conversation: parts, head, messages: messages.length } };
  } catch (error) {
    await layOutBase(options.repository);
    throw error;
  }
};

/** What the model is told where its conversation goes on in another attempt. */
export const renderResumption = (attempt: number): string =>
  `[The work was broken off here and goes on now as attempt ${attempt}. The repository's files are as they were kept then; what Git ignores, such as installed packages, and programs that ran are gone. Look before you go on.]`;
