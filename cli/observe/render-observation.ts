import type { KnownChange } from "#nervous-system/imports/dependency-reader.ts";

const maxPatchChars = 64 * 1024;

/** A change beside what nobody saw: what differs may be older, so neither lines nor diff are told of it. */
const withoutContent = ({ path, change, oldPath, dependsOn }: KnownChange): KnownChange => ({
  path,
  change,
  ...(oldPath === undefined ? {} : { oldPath }),
  ...(dependsOn === undefined ? {} : { dependsOn }),
});

const payloadOf = (change: KnownChange, place: Record<string, unknown>): Record<string, unknown> => ({
  file_modified: change.path,
  change: change.change,
  ...(change.oldPath === undefined ? {} : { old_path: change.oldPath }),
  ...(change.added === undefined ? {} : { lines_added: change.added, lines_removed: change.removed }),
  ...place,
  ...(change.patch === undefined || change.patch.length > maxPatchChars ? {} : { patch: change.patch }),
  ...(change.dependsOn === undefined ? {} : { depends_on: change.dependsOn }),
  observed_by: "wrapper",
});

/** What an observation is told with. */
type Circumstances = {
  trees: { id: string; before: string; after: string };
  /** UIDs of other agents. */
  beside: readonly string[];
  /** Names of files of which the tree before does not say what they held. */
  unknown: ReadonlySet<string>;
};

type IsUnknown = (change: KnownChange) => boolean;

const unknownAmong = (changes: readonly KnownChange[], unknown: ReadonlySet<string>): IsUnknown => {
  const isNamed: IsUnknown = ({ path, oldPath = path }) => unknown.has(path) || unknown.has(oldPath);
  // What went may be what came, by another name.
  const isMoved = changes.some((change) => change.change === "deleted" && isNamed(change));
  return (change) => isNamed(change) || (isMoved && change.change === "added");
};

/** One observation as the payloads of its frames; only the last one names the tree behind it. */
export const renderObservation = (
  changes: readonly KnownChange[],
  { trees, beside, unknown }: Circumstances,
): Array<Record<string, unknown>> => {
  const isUnknown = unknownAmong(changes, unknown);
  return changes.map((change, index) =>
    payloadOf(isUnknown(change) ? withoutContent(change) : change, {
      ...(isUnknown(change) ? { before_unknown: true } : {}),
      old_state_hash: trees.before,
      ...(index === changes.length - 1 ? { new_state_hash: trees.after } : {}),
      batch: { id: trees.id, index, count: changes.length },
      ...(beside.length === 0 ? {} : { also_running: beside }),
    }),
  );
};
