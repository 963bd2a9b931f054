import type { IncomingHttpHeaders } from "node:http";
import type { Mission, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { overBudget, type Used } from "#nervous-system/schemas/budget.ts";
import { actingChecks, type ActingSnapshot } from "#pipeline/gateway/may-act.ts";
import { refuseReachingHeaders } from "#pipeline/gateway/reach/judge-reach.ts";
import { granted, refused, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";
import type { ModelRoute } from "#pipeline/gateway/routes.ts";

/** What a model call is judged on. */
export type ModelCallSnapshot = ActingSnapshot & {
  readonly model: Model | undefined;
  readonly route: ModelRoute;
  /** What the mission used so far. */
  readonly used: Used | undefined;
  readonly headers: IncomingHttpHeaders;
};

/** What an admitted call is carried out with. */
export type AdmittedCall = { readonly mission: Mission; readonly model: Model };

type Check = (s: ModelCallSnapshot) => Granted<never> | undefined;

const budgetRetrySeconds = 30;

const withinBudget: Check = ({ mission, used }) => {
  const over = overBudget(mission?.spec.budget, used);
  return over === undefined
    ? undefined
    : refusedUntil(429, "budget_exceeded", `The mission's budget is used up. ${over}`, budgetRetrySeconds);
};

const modelExists: Check = ({ agent, model }) =>
  model === undefined
    ? refusedUntil(503, "model_not_found", `Model "${agent.spec.modelRef.name}" does not exist: create it`, 10)
    : undefined;

// The operator pauses the mission; what is asked until then would cost nothing.
const modelIsPriced: Check = ({ mission, model }) =>
  model === undefined || model.spec.pricing !== undefined || mission?.spec.budget?.maxCostUSD === undefined
    ? undefined
    : refusedUntil(
        429,
        "model_not_priced",
        `The mission's budget.maxCostUSD needs prices, and Model "${model.metadata.name}" has none: add spec.pricing to it`,
        budgetRetrySeconds,
      );

const routeFits: Check = ({ model, route }) =>
  model === undefined || model.spec.provider === route.provider
    ? undefined
    : refused(
        400,
        "wrong_provider",
        `Model "${model.metadata.name}" is served by ${model.spec.provider}, and this route speaks ${route.provider}`,
      );

const headersAllowed: Check = ({ model, headers }) =>
  model === undefined ? undefined : refuseReachingHeaders(headers, model);

const checks: readonly Check[] = [...actingChecks, withinBudget, modelExists, modelIsPriced, routeFits, headersAllowed];

/** Decides whether an agent may ask its model; the first check that refuses is told. */
export const admitModelCall = (snapshot: ModelCallSnapshot): Granted<AdmittedCall> => {
  for (const check of checks) {
    const blocked = check(snapshot);
    if (blocked !== undefined) return blocked;
  }
  const { mission, model } = snapshot;
  if (mission === undefined || model === undefined)
    throw new Error("the checks let a call without mission or model pass");
  return granted({ mission, model });
};
