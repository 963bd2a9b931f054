import { isAlreadyExists, isApiError, isForbidden, isInvalid } from "#nervous-system/kubernetes/errors.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import {
  controllerOf,
  isSameOwner,
  type Draft,
  type KubeObject,
  type ResourceKind,
} from "#nervous-system/kubernetes/resource-kind.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";

/** An object of another owner has the name that is needed. */
class NameTaken extends Error {
  override readonly name = "NameTaken";
}

/** What was made for an owner of the same name that is gone has the name that is needed, and goes after it. */
class PredecessorDrains extends Error {
  override readonly name = "PredecessorDrains";
}

/** Why the name that `draft` needs is not free, as `found` of another owner shows. */
const whoHasIt = (found: KubeObject, draft: Draft, name: string, cause: unknown): Error => {
  const owner = controllerOf(found);
  const own = controllerOf(draft);
  return owner !== undefined && owner.kind === own?.kind && owner.name === own.name
    ? new PredecessorDrains(
        `${name} of the ${owner.kind} "${owner.name}" that was here before is still being stopped; a new one is made once it is gone.`,
        { cause },
      )
    : new NameTaken(`${name} of another owner is still there; it is waited for, delete it if nobody needs it.`, {
        cause,
      });
};

/**
 * Creates an object of the owner that it names, or answers the one that it owns already: names are deterministic, so what a crashed
 * predecessor made, or an answer that got lost, is found instead of made twice. Rejects with a `NameTaken` where the name is
 * another's, with a `PredecessorDrains` where that owner had the owner's name, and with an error that is tried again while the object
 * that it owns is being deleted.
 */
export const createOwned = async <T extends KubeObject>(
  client: Pick<KubeClient, "create" | "find">,
  kind: ResourceKind<T>,
  draft: Draft<T>,
): Promise<T> => {
  try {
    return await client.create(kind, draft);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await client.find(kind, draft.metadata);
    if (found === undefined) throw error;
    const name = `${kind.kind} "${draft.metadata.name}"`;
    if (isSameOwner(controllerOf(found), controllerOf(draft))) {
      if (found.metadata.deletionTimestamp === undefined) return found;
      throw new Error(`${name} is being deleted; a new one is made once it is gone`, { cause: error });
    }
    throw whoHasIt(found, draft, name, error);
  }
};

// A webhook may refuse by any code, and one that does not answer refuses everything.
const refusedByWebhook = (error: unknown): boolean =>
  isApiError(error) && /admission webhook "[^"]*" denied the request|failed calling webhook/.test(error.message);

/** Why an object cannot be made; `stalled` where somebody must act. */
type Refusal = { reason: string; message: string; stalled: boolean };

/** What is to be told of an object that cannot be made; undefined where trying again may be enough. */
export const refusalOf = (error: unknown, kind: ResourceKind): Refusal | undefined => {
  if (error instanceof PredecessorDrains) return { reason: Reason.Draining, message: error.message, stalled: false };
  if (error instanceof NameTaken) return { reason: Reason.NameTaken, message: error.message, stalled: true };
  const refused = isForbidden(error) || isInvalid(error) || refusedByWebhook(error);
  if (!refused) return undefined;
  const reason = kind.kind === "Pod" ? Reason.PodRejected : Reason.AgentRejected;
  return { reason, message: `The API server refuses the ${kind.kind}: ${(error as Error).message}`, stalled: true };
};

/** How often something that was refused is tried again, in milliseconds. */
export const refusedRecheckMs = 30_000;
