import { controllerOf, keyOf, type KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import type { StoreChange } from "#nervous-system/kubernetes/store.ts";

/** Which keys a change concerns; none means that the controller does not care. */
export type KeysOf<T extends KubeObject> = (change: StoreChange<T>) => readonly string[];

/** The changed object itself. */
export const itself: KeysOf<KubeObject> = ({ object }) => [keyOf(object.metadata)];

/**
 * The controlling owner of the changed object, when it is of `kind` in API group `group`. An object that changed hands
 * concerns both owners.
 */
export const itsController =
  (group: string, kind: string): KeysOf<KubeObject> =>
  (change) => {
    const versions = change.kind === "updated" ? [change.object, change.previous] : [change.object];
    const keys = versions.flatMap((object) => {
      const owner = controllerOf(object);
      const isOurs = owner?.kind === kind && owner.apiVersion.split("/")[0] === group;
      return isOurs ? [keyOf({ namespace: object.metadata.namespace, name: owner.name })] : [];
    });
    return [...new Set(keys)];
  };
