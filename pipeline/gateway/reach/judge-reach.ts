import type { IncomingHttpHeaders } from "node:http";
import type { Fields } from "#nervous-system/codecs/exchange/fields.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { betaReach } from "#pipeline/gateway/reach/betas.ts";
import { requestShapes } from "#pipeline/gateway/reach/requests.ts";
import type { Reach } from "#pipeline/gateway/reach/shape.ts";
import { refused, type Granted } from "#pipeline/gateway/refusal.ts";
import type { ModelRoute } from "#pipeline/gateway/routes.ts";

/** What of a Model a request is judged by. */
export type AllowingModel = Pick<Model, "metadata" | "spec">;

const refuseReach = ({ metadata }: AllowingModel, { operation, path, what }: Reach): Granted<never> =>
  refused(
    403,
    "operation_not_allowed",
    `${path} ${what}; Model "${metadata.name}" does not allow that: leave it out, or add ${operation} to spec.allow of the Model`,
  );

const allowedBy = ({ spec }: AllowingModel) => new Set(spec.allow);

/**
 * Refuses a body that has its provider do more than answer: fetch what it names, run tools, connect to others, keep or take up
 * state. What the gateway does not know counts as that. One pass over what is parsed already.
 */
export const refuseReachingBody = (
  body: Fields,
  { operation }: ModelRoute,
  model: AllowingModel,
): Granted<never> | undefined => {
  const reach = requestShapes[operation]?.(body, { path: [], allowed: allowedBy(model) });
  return reach && refuseReach(model, reach);
};

/** The same of the headers that are passed on. */
export const refuseReachingHeaders = (
  headers: IncomingHttpHeaders,
  model: AllowingModel,
): Granted<never> | undefined => {
  const reach = betaReach(headers, allowedBy(model));
  return reach && refuseReach(model, reach);
};
