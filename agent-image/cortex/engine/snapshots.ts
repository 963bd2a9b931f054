import { Buffer } from "node:buffer";
import { maxBundleBytes } from "#nervous-system/git/proposal-bundle.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { maxSnapshotParts, type SnapshotManifest } from "#nervous-system/schemas/snapshot-manifest.ts";
import type { ConversationMessage } from "../models/conversation.ts";
import type { Observer } from "../workspace/observation.ts";
import { bundleCommit, type Repository } from "../workspace/repository.ts";
import type { BlobStore } from "./blobs.ts";
import type { Journal } from "./journal.ts";

/** What is kept of an agent's state, and what the next snapshot stands on. */
export type Kept = Pick<SnapshotManifest, "tree" | "bundles" | "conversation"> & {
  /** Commit of the last bundle; the base where there is none. */
  readonly head: string;
  /** Messages that the conversation's parts hold. */
  readonly messages: number;
};

/** How often the state is kept: after so many frames other than heartbeats, or so long after the last time. */
export type SnapshotSchedule = { readonly steps: number; readonly everyMs: number };

type SnapshotOptions = {
  readonly repository: Repository;
  readonly observer: Observer;
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly ids: Ids;
  readonly schedule: SnapshotSchedule;
  /** `<agent_uid>/<epoch>`. */
  readonly chain: string;
  readonly privateDir: string;
  /** What an earlier attempt kept, where this one goes on from it. */
  readonly kept: Kept | undefined;
};

/** Keeps an agent's files and conversation, so that a later attempt goes on from there. */
export type Snapshots = {
  /** Keeps the state where it is due. A store that does not take it is recorded and ends nothing. */
  afterTurn(messages: readonly ConversationMessage[]): Promise<void>;
  /** Keeps what is new since, half a turn's files included; never rejects, since the agent ends anyway. */
  atEnd(): Promise<void>;
};

const ref = "refs/heads/snapshot";
const storeMs = 10_000;
// Of the ten seconds that an agent gets to stop.
const storeAtEndMs = 3_000;

const nothingKept = ({ base, baseTree }: Repository): Kept => ({
  tree: baseTree,
  bundles: [],
  conversation: [],
  head: base,
  messages: 0,
});

/** One way of keeping: what is kept before and after, and the bytes that it took. */
type Grown = { readonly kept: Kept; readonly bytes: number };
type Put = (bytes: Buffer) => Promise<string>;

/** Parts with one more; those that are too many begin anew, since the one more then holds all. */
const withPart = (parts: readonly string[], part: string, isWhole: boolean): string[] => [
  ...(isWhole ? [] : parts),
  part,
];

const keepFiles = async (options: SnapshotOptions, kept: Kept, put: Put): Promise<Grown> => {
  const { repository, observer, privateDir, chain } = options;
  const { after: tree } = await observer.sinceBase();
  if (tree === kept.tree) return { kept, bytes: 0 };
  const isWhole = kept.bundles.length === maxSnapshotParts;
  const parent = isWhole ? repository.base : kept.head;
  const message = `Keep the state of ${chain}\n`;
  const { head, bundle } = await bundleCommit(repository, { tree, parent, message, ref }, privateDir);
  if (bundle.length > maxBundleBytes) throw new Error(`the files make a bundle of ${bundle.length} bytes`);
  const bundles = withPart(kept.bundles, await put(bundle), isWhole);
  return { kept: { ...kept, tree, head, bundles }, bytes: bundle.length };
};

const keepConversation = async (messages: readonly ConversationMessage[], kept: Kept, put: Put): Promise<Grown> => {
  if (messages.length <= kept.messages) return { kept, bytes: 0 };
  const isWhole = kept.conversation.length === maxSnapshotParts;
  const bytes = Buffer.from(JSON.stringify(messages.slice(isWhole ? 0 : kept.messages)));
  const conversation = withPart(kept.conversation, await put(bytes), isWhole);
  return { kept: { ...kept, conversation, messages: messages.length }, bytes: bytes.length };
};

/** Keeps what is new of files and conversation, and records it; answers what is kept then. */
const keepState = async (
  options: SnapshotOptions,
  before: { readonly kept: Kept; readonly messages: readonly ConversationMessage[] },
  { reason, deadlineMs }: { readonly reason: string; readonly deadlineMs: number },
): Promise<Kept> => {
  const { repository, journal, blobs, chain } = options;
  const { seq } = journal.progress();
  const put: Put = (bytes) => blobs.put(bytes, deadlineMs);
  const files = await keepFiles(options, before.kept, put);
  const { kept, bytes } = await keepConversation(before.messages, files.kept, put);
  if (kept === before.kept) return kept;
  const { base } = repository;
  const { tree, bundles, conversation } = kept;
  const manifest: SnapshotManifest = { version: 1, base, tree, bundles, conversation };
  const written = Buffer.from(JSON.stringify(manifest));
  await journal.snapshot({
    snapshot_id: options.ids.next(),
    cut: { [chain]: seq },
    reason,
    base,
    tree_hash: tree,
    manifest: await put(written),
    new_bytes: files.bytes + bytes + written.length,
  });
  return kept;
};

/** Creates what keeps the state of one attempt. */
export const createSnapshots = (options: SnapshotOptions): Snapshots => {
  const { repository, observer, journal, clock, schedule } = options;
  let kept = options.kept ?? nothingKept(repository);
  let messages: readonly ConversationMessage[] = [];
  let last = { atMs: clock.monotonicMs(), steps: journal.progress().steps };

  /** Why the state is to be kept now; undefined where it is not. */
  const due = (): "steps" | "time" | undefined => {
    const steps = journal.progress().steps - last.steps;
    if (steps >= schedule.steps) return "steps";
    return steps > 0 && clock.monotonicMs() - last.atMs >= schedule.everyMs ? "time" : undefined;
  };

  return {
    afterTurn: async (now) => {
      messages = [...now];
      const reason = due();
      if (reason === undefined) return;
      try {
        kept = await keepState(options, { kept, messages }, { reason, deadlineMs: storeMs });
      } catch (error) {
        // A record that is gone or full ends the agent here, with the reason.
        await journal.error(`the state could not be kept: ${String(error)}`, false);
      }
      last = { atMs: clock.monotonicMs(), steps: journal.progress().steps };
    },
    atEnd: async () => {
      try {
        await journal.stateChanges(await observer.observe(), "snapshot");
        kept = await keepState(options, { kept, messages }, { reason: "end", deadlineMs: storeAtEndMs });
      } catch {
        // What ends the agent is recorded behind this.
      }
    },
  };
};
