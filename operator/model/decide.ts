import type { Outcome } from "#nervous-system/kernel/outcome.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, mergeConditions, Reason, type DecidedCondition } from "#nervous-system/schemas/conditions.ts";
import type { ModelStatus } from "#nervous-system/schemas/resources/model.ts";
import { annotation } from "#nervous-system/schemas/names.ts";
import type { CheckAnswer } from "#operator/gateway/check.ts";
import { kubeTime, observedOf } from "#operator/status/fields.ts";
import { notTenantMessage } from "#operator/tenant.ts";

/** A Model, and what the gateway says of it. */
export type ModelSnapshot = {
  model: Model;
  answer: CheckAnswer;
  /** When the gateway was asked, Unix milliseconds. */
  probedAtMs: number;
  /** When to ask again, in milliseconds. */
  recheckMs: number;
  nowMs: number;
};

const secretReasons: ReadonlySet<string> = new Set([
  Reason.SecretNotFound,
  Reason.SecretNotAllowed,
  Reason.SecretInvalid,
]);

// Neither a Secret nor an endpoint tells anyone here that it was mended.
const askAgain = `It is tried again within 5 min, at once when annotation ${annotation.requestedAt} of the Model changes.`;

const conditionsOf = ({ model, answer }: ModelSnapshot): DecidedCondition[] => {
  const { Ready, ResolvedRefs, Stalled, Reconciling } = ConditionType;
  if (answer.kind === "unavailable") {
    const told = { reason: Reason.CheckUnavailable, message: `The gateway could not be asked: ${answer.message}` };
    return [
      { type: Ready, status: "Unknown", ...told },
      { type: Reconciling, status: "True", ...told },
    ];
  }
  const { ok, reason, message } = answer;
  const resolved: DecidedCondition = {
    type: ResolvedRefs,
    status: "True",
    reason: Reason.Resolved,
    message: model.spec.apiKeySecretRef === undefined ? "It needs no key." : "The key may be used.",
  };
  if (ok)
    return [
      { type: Ready, status: "True", reason: Reason.ProbeSucceeded, message: message || "The endpoint answers." },
      resolved,
    ];
  const told = { reason: reason || Reason.EndpointUnreachable, message: `${message}. ${askAgain}` };
  const failed: DecidedCondition = { type: Ready, status: "False", ...told };
  return secretReasons.has(reason)
    ? [failed, { type: ResolvedRefs, status: "False", ...told }, { type: Stalled, status: "True", ...told }]
    : [failed, resolved, { type: Reconciling, status: "True", ...told }];
};

/** What is told of a Model where nobody works. */
const elsewhereConditions = (model: Model): DecidedCondition[] => {
  const told = { reason: Reason.NotTenant, message: notTenantMessage(model) };
  return [
    { type: ConditionType.Ready, status: "False", ...told },
    { type: ConditionType.Stalled, status: "True", ...told },
  ];
};

type Judged = Pick<ModelStatus, "phase" | "lastProbeTime"> & { decided: readonly DecidedCondition[] };

const statusWith = (model: Model, nowMs: number, { decided, ...told }: Judged): ModelStatus => {
  const observed = observedOf(model);
  const conditions = mergeConditions(model.status?.conditions, decided, {
    now: kubeTime(nowMs),
    generation: observed.observedGeneration,
  });
  return { ...model.status, ...observed, conditions, ...told };
};

/** The whole status of a Model. */
export const computeModelStatus = (snapshot: ModelSnapshot): ModelStatus => {
  const { model, probedAtMs, answer, nowMs } = snapshot;
  return statusWith(model, nowMs, {
    decided: conditionsOf(snapshot),
    phase: answer.kind === "answered" && answer.ok ? "Ready" : "NotReady",
    ...(answer.kind === "answered" ? { lastProbeTime: kubeTime(probedAtMs) } : {}),
  });
};

/** The whole status of a Model in a namespace that is no tenant: its endpoint is not asked there. */
export const computeElsewhereStatus = (model: Model, nowMs: number): ModelStatus =>
  statusWith(model, nowMs, { decided: elsewhereConditions(model), phase: "NotReady" });

/** When a Model is looked at again: always, because endpoints and keys change without telling anyone here. */
export const modelOutcome = ({ answer, recheckMs }: ModelSnapshot): Outcome => {
  if (answer.kind === "unavailable")
    return { kind: "waiting", reason: Reason.CheckUnavailable, message: answer.message, recheckMs };
  return answer.ok
    ? { kind: "done", recheckMs }
    : { kind: "waiting", reason: answer.reason, message: answer.message, recheckMs };
};
