import type { Stamp } from "#nervous-system/codecs/otlp/stamp-export.ts";
import { isMissionTrace, missionTraceId, movedTraceId } from "#nervous-system/schemas/traces.ts";
import { isComponent, type Caller } from "#pipeline/collector/caller.ts";

/** The spans of one export are of few traces, mostly. */
const remembering = (traceOf: Stamp["traceOf"]): Stamp["traceOf"] => {
  const known = new Map<string, string>();
  return (traceId) => {
    const found = known.get(traceId) ?? traceOf(traceId);
    known.set(traceId, found);
    return found;
  };
};

const stampOfAgent = (
  { namespace, agent = "", agentUid }: Caller,
  { missionUid, mission }: NonNullable<Caller["bound"]>,
): Stamp => {
  const own = missionTraceId(missionUid);
  return {
    attributes: {
      "enchanted.namespace": namespace,
      "enchanted.mission": mission,
      "enchanted.mission_uid": missionUid,
      "enchanted.agent": agent,
      "enchanted.agent_uid": agentUid,
    },
    // A program that does not know TRACEPARENT begins traces of its own, which are kept and nobody else's.
    traceOf: remembering((traceId) => (traceId === own ? own : movedTraceId(missionUid, traceId))),
  };
};

/**
 * What a caller's spans and metrics are stamped with, by its token; undefined for components, which speak for all. An agent's
 * spans are in its mission's trace, or in one that is made of the mission and the one that they named; those of an external client,
 * which may be part of a trace that others outside tell of, stay in theirs unless that could be a mission's.
 */
export const stampOf = (caller: Caller): Stamp | undefined => {
  const { namespace, bound, principal = "" } = caller;
  if (isComponent(caller)) return undefined;
  if (bound !== undefined) return stampOfAgent(caller, bound);
  return {
    attributes: { "enchanted.namespace": namespace, "enchanted.principal": principal },
    traceOf: remembering((traceId) =>
      isMissionTrace(traceId) ? movedTraceId(`namespace/${namespace}`, traceId) : traceId,
    ),
  };
};
