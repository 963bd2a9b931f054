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
};

const getMs = 60_000;

const readManifest = async ({ blobs, manifest, repository }: ResumeOptions): Promise<SnapshotManifest> => {
  const read = parseSnapshotManifest(await blobs.get(manifest, getMs));
  if (read === undefined) throw new Error("its manifest is none of this version");
  if (read.base !== repository.base) throw new Error(`it stands on ${read.base}, the work on ${repository.base}`);
  return read;
};

/** Lays the kept state out; rejects, with the base's files in place again, where any of it is missing or not what it says. */
export const resumeFrom = async (options: ResumeOptions): Promise<Resumed> => {
  const { blobs, privateDir } = options;
  const { tree, bundles, conversation } = await readManifest(options);
  const get = (digest: string): Promise<Buffer> => blobs.get(digest, getMs);
  const messages = (await Promise.all(conversation.map(get))).flatMap((part) =>
    parseConversation(part.toString("utf8")),
  );
  const packed = await Promise.all(bundles.map(get));
  try {
    const { repository, head } = await layOutTree(options.repository, { tree, bundles: packed }, privateDir);
    return { repository, messages, kept: { tree, bundles, conversation, head, messages: messages.length } };
  } catch (error) {
    await layOutBase(options.repository);
    throw error;
  }
};

/** What the model is told where its conversation goes on in another attempt. */
export const renderResumption = (attempt: number): string =>
  `[The work was broken off here and goes on now as attempt ${attempt}. The repository's files are as they were kept then; what Git ignores, such as installed packages, and programs that ran are gone. Look before you go on.]`;
