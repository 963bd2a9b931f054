import type { FileChange } from "#nervous-system/git/file-changes.ts";

const maxPatchChars = 64 * 1024;

const payloadOf = (change: FileChange, place: Record<string, unknown>): Record<string, unknown> => ({
  file_modified: change.path,
  change: change.change,
  ...(change.oldPath === undefined ? {} : { old_path: change.oldPath }),
  ...(change.added === undefined ? {} : { lines_added: change.added, lines_removed: change.removed }),
  ...place,
  ...(change.patch === undefined || change.patch.length > maxPatchChars ? {} : { patch: change.patch }),
  observed_by: "wrapper",
});

/** One observation as the payloads of its frames; only the last one names the tree behind it. `beside` are other agents' UIDs. */
export const renderObservation = (
  changes: readonly FileChange[],
  trees: { id: string; before: string; after: string },
  beside: readonly string[],
): Array<Record<string, unknown>> =>
  changes.map((change, index) =>
    payloadOf(change, {
      old_state_hash: trees.before,
      ...(index === changes.length - 1 ? { new_state_hash: trees.after } : {}),
      batch: { id: trees.id, index, count: changes.length },
      ...(beside.length === 0 ? {} : { also_running: beside }),
    }),
  );
