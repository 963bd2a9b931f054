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

/** How often something that was refused is tried again, in milliseconds. */
export const refusedRecheckMs = 30_000;

const again = `it is tried again every ${refusedRecheckMs / 1_000} s`;

type Remedy = (refused: string, where: { kind: string; namespace: string }) => Omit<Refusal, "stalled"> | undefined;

const rejectedOf = (kind: string): Reason => (kind === "Pod" ? Reason.PodRejected : Reason.AgentRejected);

const quotaIsFull: Remedy = (refused, { kind, namespace }) => {
  const [, quota, figures] = /exceeded quota: ([^\s,]+), (requested: .*)/.exec(refused) ?? [];
  return quota === undefined
    ? undefined
    : {
        reason: Reason.QuotaExceeded,
        message: `ResourceQuota "${quota}" of namespace "${namespace}" has no room for the ${kind} (${figures}): raise it, or let others end; ${again}.`,
      };
};

const advised =
  (pattern: RegExp, advice: (namespace: string) => string): Remedy =>
  (refused, { kind, namespace }) =>
    pattern.test(refused)
      ? {
          reason: rejectedOf(kind),
          message: `The API server refuses the ${kind}: ${refused.replace(/\.?$/, ".")} ${advice(namespace)}; ${again}.`,
        }
      : undefined;

/** Refusals of which it is known what helps, each by its words. */
const remedies: readonly Remedy[] = [
  quotaIsFull,
  advised(
    /failed quota: .* must specify /,
    (namespace) => `Give namespace "${namespace}" a LimitRange with a default for what is missing`,
  ),
  advised(
    /(maximum|minimum) [\w.-]+ usage per (Container|Pod) is|max limit to request ratio per /,
    (namespace) =>
      `Change the LimitRange of namespace "${namespace}", or what agents may use: spec.template.pod.resources in a new mission, or the chart's defaults.agentResources`,
  ),
];

const knownRemedy = (message: string, kind: string, namespace: string): Omit<Refusal, "stalled"> => {
  for (const remedy of remedies) {
    const known = remedy(message, { kind, namespace });
    if (known !== undefined) return known;
  }
  return { reason: rejectedOf(kind), message: `The API server refuses the ${kind}: ${message}` };
};

// Nobody has counted yet what a new quota allows.
const isUncounted = ({ message }: Error): boolean => message.includes("status unknown for quota");

/** What is to be told of an object in a namespace that cannot be made; undefined where trying again may be enough. */
export const refusalOf = (error: unknown, { kind }: ResourceKind, namespace = ""): Refusal | undefined => {
  if (error instanceof PredecessorDrains) return { reason: Reason.Draining, message: error.message, stalled: false };
  if (error instanceof NameTaken) return { reason: Reason.NameTaken, message: error.message, stalled: true };
  const isRefused = isForbidden(error) || isInvalid(error) || refusedByWebhook(error);
  if (!isRefused || isUncounted(error as Error)) return undefined;
  return { ...knownRemedy((error as Error).message, kind, namespace), stalled: true };
};
