import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { nanoUsdOfExchange } from "#nervous-system/codecs/exchange/cost.ts";
import { presentOf } from "#nervous-system/codecs/exchange/fields.ts";
import { renderModelCall, type ModelCallFacts } from "#nervous-system/codecs/exchange/model-call.ts";
import type { Agent, Mission, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";

/** One exchange, as far as its frame tells it, and whose it was. */
export type ExchangeFacts = Omit<ModelCallFacts, "provider" | "model"> & {
  readonly agent: Agent;
  readonly attempt: number;
  readonly mission: Mission;
  readonly model: Model;
  readonly trace?: TraceIds | undefined;
  /** Set where the answer's tokens are an estimate. */
  readonly usageEstimated?: true | undefined;
};

/** What an exchange cost, in billionths of a dollar; undefined where its Model has no prices. */
export const costOf = ({ model, answer }: Pick<ExchangeFacts, "model" | "answer">): number | undefined =>
  model.spec.pricing && nanoUsdOfExchange(model.spec.pricing, answer);

/** Renders the frame of an exchange, a MODEL_CALL about the agent that asked. */
export const renderExchangeFrame = (facts: ExchangeFacts): ComponentEvent => {
  const { provider, model } = facts.model.spec;
  const { persona } = facts.agent.spec;
  const counted = presentOf({ usage_estimated: facts.usageEstimated, cost_nano_usd: costOf(facts) });
  return {
    eventType: "MODEL_CALL",
    payload: { ...renderModelCall({ ...facts, provider, model }), ...counted },
    subject: {
      mission_uid: facts.mission.metadata.uid,
      mission: facts.mission.metadata.name,
      namespace: facts.mission.metadata.namespace ?? "",
      ...(persona === undefined
        ? {}
        : { persona: persona.name, persona_digest: personaDigestOf(persona.systemPrompt) }),
      about: { agent_uid: facts.agent.metadata.uid, epoch: facts.attempt },
    },
    trace: facts.trace,
  };
};

/** The trace that a `traceparent` header names; undefined when it is missing or malformed. */
export const parseTraceparent = (header: string | undefined): TraceIds | undefined => {
  const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(header?.trim() ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId };
};
