import { stableId } from "#nervous-system/schemas/ids.ts";

/**
 * The UID of a chain that is made of something else, the same each time. It has version 8: UIDs of version 5 are those of the
 * swarm's own components, whose chains a collector lets nobody else begin.
 */
export const importedUid = (namespace: string, ...of: readonly string[]): string => {
  const computed = stableId("imported", namespace, ...of);
  return `${computed.slice(0, 14)}8${computed.slice(15)}`;
};
