import type { ObjectMeta } from "#nervous-system/kubernetes/resource-kind.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";

/** Metadata as the API server would give it; the UID is the same for the same kind and name. */
export const aMetadata = (kind: string, name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: "team-a",
  uid: stableId(kind, name),
  resourceVersion: "1",
  generation: 1,
  creationTimestamp: "2026-11-23T09:00:00Z",
  ...more,
});
