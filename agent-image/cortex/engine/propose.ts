import type { FileChange } from "#nervous-system/git/file-changes.ts";
import { bundleRef, maxBundleBytes } from "#nervous-system/git/proposal-bundle.ts";
import type { Conclusion } from "../tools/finish.ts";
import type { Observer } from "../workspace/observation.ts";
import { bundleCommit, type Repository } from "../workspace/repository.ts";
import type { BlobStore } from "./blobs.ts";
import { AgentStopped } from "./limits.ts";
import type { Journal } from "./journal.ts";

/** What a proposal is made from. */
type ProposeOptions = {
  readonly repository: Repository;
  readonly observer: Observer;
  readonly blobs: BlobStore;
  readonly journal: Journal;
  readonly privateDir: string;
  /** Clone URL of the repository, and the branch that the change is meant for. */
  readonly repo: string;
  readonly branch: string;
};

// The collector may be away for a while; the work of the whole attempt is worth waiting for it.
const uploadMs = 600_000;
const maxFiles = 500;

const listed = (changes: readonly FileChange[]): Array<{ path: string; change: string }> =>
  changes.slice(0, maxFiles).map(({ path, change }) => ({ path: path.slice(0, 300), change }));

const upload = async (blobs: BlobStore, bundle: Buffer): Promise<string> => {
  if (bundle.length > maxBundleBytes)
    throw new AgentStopped({
      reason: "BundleTooLarge",
      message: `the change makes a bundle of ${bundle.length} bytes, more than ${maxBundleBytes}; it holds build output perhaps`,
      retry: false,
    });
  try {
    return await blobs.put(bundle, uploadMs);
  } catch (error) {
    throw new AgentStopped({
      reason: "BlobStoreUnavailable",
      message: `the bundle could not be stored: ${String(error)}`,
      retry: true,
    });
  }
};

/** Commits what is there, stores it as a bundle and records the PROPOSAL; answers the proposed commit. */
export const propose = async (options: ProposeOptions, { title, body }: Conclusion): Promise<string> => {
  const { repository, observer, journal, blobs } = options;
  const { after, changes } = await observer.sinceBase();
  const message = `${title}\n\n${body.trim()}\n`;
  const commit = { tree: after, parent: repository.base, message, ref: bundleRef };
  const { head, bundle } = await bundleCommit(repository, commit, options.privateDir);
  const digest = await upload(blobs, bundle);
  await journal.proposal({
    bundle: digest,
    bundle_bytes: bundle.length,
    repo: options.repo,
    branch: options.branch,
    base: repository.base,
    head,
    title,
    body,
    files: listed(changes),
  });
  return head;
};
