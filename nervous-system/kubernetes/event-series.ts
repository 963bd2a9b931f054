import type { KubeEvent } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeObject, ObjectRef } from "#nervous-system/kubernetes/resource-kind.ts";

/** Something that happened to an object, for `kubectl describe`. */
export type EventNote = {
  regarding: KubeObject;
  type: KubeEvent["type"];
  /** The reason constant of the condition that this Event tells about. */
  reason: string;
  /** What was done or attempted, UpperCamelCase, such as `Reconcile` or `CreatePod`. */
  action: string;
  /** For people; cut at 1024 bytes, the API's limit. */
  note: string;
};

/** What makes two notes the same story: repeated, they become one Event with a count. */
export const seriesKey = ({ regarding, type, reason, action, note }: EventNote): string =>
  JSON.stringify([regarding.metadata.uid, type, reason, action, note]);

const NOTE_BYTES = 1024;

const cut = (note: string): string => {
  const bytes = Buffer.from(note);
  if (bytes.length <= NOTE_BYTES) return note;
  // The last character may be cut in the middle: the decoder writes U+FFFD for it, which is taken off.
  return `${bytes
    .subarray(0, NOTE_BYTES - 3)
    .toString("utf8")
    .replace(/\uFFFD+$/u, "")}…`;
};

/** Everything about an Event that its note does not say. */
export type EventContext = { name: string; time: string; controller: string; instance: string };

/** The Event that tells a note for the first time. */
export const renderEvent = (
  { regarding, type, reason, action, note }: EventNote,
  { name, time, controller, instance }: EventContext,
): Omit<KubeEvent, "metadata" | "series"> & { metadata: ObjectRef } => ({
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  // Events about cluster-scoped objects live in `default`.
  metadata: { namespace: regarding.metadata.namespace ?? "default", name },
  eventTime: time,
  reportingController: controller,
  reportingInstance: instance,
  action,
  reason,
  regarding: {
    apiVersion: regarding.apiVersion,
    kind: regarding.kind,
    name: regarding.metadata.name,
    uid: regarding.metadata.uid,
    resourceVersion: regarding.metadata.resourceVersion,
    ...(regarding.metadata.namespace !== undefined && { namespace: regarding.metadata.namespace }),
  },
  note: cut(note),
  type,
});
