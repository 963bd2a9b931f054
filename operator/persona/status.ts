import type { Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, mergeConditions, Reason, type DecidedCondition } from "#nervous-system/schemas/conditions.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import type { PersonaStatus } from "#nervous-system/schemas/resources/persona.ts";
import { whyUnusable } from "#operator/persona/judge.ts";
import { kubeTime, observedOf } from "#operator/status/fields.ts";

const conditionsOf = (persona: Persona): DecidedCondition[] => {
  const { Ready, Stalled } = ConditionType;
  const wrong = whyUnusable(persona);
  if (wrong === undefined)
    return [{ type: Ready, status: "True", reason: Reason.Resolved, message: "Missions may name it." }];
  return [
    { type: Ready, status: "False", ...wrong },
    { type: Stalled, status: "True", ...wrong },
  ];
};

/** The whole status of a Persona. */
export const computePersonaStatus = (persona: Persona, nowMs: number): PersonaStatus => {
  const observed = observedOf(persona);
  const decided = conditionsOf(persona);
  return {
    ...observed,
    conditions: mergeConditions(persona.status?.conditions, decided, {
      now: kubeTime(nowMs),
      generation: observed.observedGeneration,
    }),
    phase: decided.length === 1 ? "Ready" : "NotReady",
    digest: personaDigestOf(persona.spec.systemPrompt),
  };
};
