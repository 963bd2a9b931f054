import { isAlreadyExists, isApiError, isForbidden, isInvalid } from "#nervous-system/kubernetes/errors.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import {
  controllerOf,
  type Draft,
  type KubeObject,
  type ResourceKind,
} from "#nervous-system/kubernetes/resource-kind.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";

/** An object of another owner has the name that is needed. */
class NameTaken extends Error {
  override readonly name = "NameTaken";
}

/**
 * Creates an object of the owner, or answers the one that it owns already: names are deterministic, so what a crashed
 * predecessor made, or an answer that got lost, is found instead of made twice. Rejects with a `NameTaken` where the name is another's,
 * and with an error that is tried again while the object that it owns is being deleted.
 */
export const createOwned = async <T extends KubeObject>(
  client: Pick<KubeClient, "create" | "find">,
  kind: ResourceKind<T>,
  draft: Draft<T>,
  ownerUid: string,
): Promise<T> => {
  try {
    return await client.create(kind, draft);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await client.find(kind, draft.metadata);
    if (found === undefined) throw error;
    const name = `${kind.kind} "${draft.metadata.name}"`;
    if (controllerOf(found)?.uid === ownerUid) {
      if (found.metadata.deletionTimestamp === undefined) return found;
      throw new Error(`${name} is being deleted; a new one is made once it is gone`, { cause: error });
    }
    const message = `${name} of another owner is still there; it is waited for, delete it if nobody needs it.`;
    throw new NameTaken(message, { cause: error });
  }
};

// A webhook may refuse by any code, and one that does not answer refuses everything.
const refusedByWebhook = (error: unknown): boolean =>
  isApiError(error) && /admission webhook "[^"]*" denied the request|failed calling webhook/.test(error.message);

/** Why an object cannot be made before somebody acts; undefined where trying again may be enough. */
export const refusalOf = (error: unknown, kind: ResourceKind): { reason: string; message: string } | undefined => {
  if (error instanceof NameTaken) return { reason: Reason.NameTaken, message: error.message };
  const refused = isForbidden(error) || isInvalid(error) || refusedByWebhook(error);
  if (!refused) return undefined;
  const reason = kind.kind === "Pod" ? Reason.PodRejected : Reason.AgentRejected;
  return { reason, message: `The API server refuses the ${kind.kind}: ${(error as Error).message}` };
};

/** How often something that was refused is tried again, in milliseconds. */
export const refusedRecheckMs = 30_000;
