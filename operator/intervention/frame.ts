import type { Intervention, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";

/** The same however often an act is told: the fold takes the first for the act, and a recorder knows it again. */
export const interventionEventId = ({ metadata }: Pick<Intervention, "metadata">): string =>
  stableId("intervention", metadata.uid);

/** The INTERVENTION that tells of an act on a mission. */
export const renderIntervention = (act: Intervention, { metadata }: Pick<Mission, "metadata">): ComponentEvent => {
  const { kind, requestedBy, text, requestID, argsDigest } = act.spec;
  const { uid, name, namespace = "" } = metadata;
  return {
    eventType: "INTERVENTION",
    eventId: interventionEventId(act),
    payload: {
      kind,
      by: requestedBy,
      ...(requestID === undefined ? {} : { request_id: requestID, args_digest: argsDigest }),
      ...(text === undefined ? {} : { text }),
    },
    subject: { mission_uid: uid, mission: name, namespace, lineage: 0 },
  };
};
