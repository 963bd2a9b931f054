import { v5, v7 } from "uuid";

/** Makes ids; injected, so that tests know what comes out. */
export type Ids = {
  /** A fresh UUID v7: unique, and sorted by time. */
  next(): string;
};

/** Ids from the machine's random source. */
export const randomIds = (): Ids => ({ next: () => v7() });

/** Ids `…-000000000001`, `…-000000000002`, … @internal For tests. */
export const countingIds = (): Ids => {
  let n = 0;
  return {
    next: () => {
      n += 1;
      return `00000000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
    },
  };
};

/** The `mission_uid` of what belongs to no mission. */
export const noMission = "00000000-0000-0000-0000-000000000000";

/** Name of the mission that external clients' frames belong to: no resource can be called so. */
export const externalMission = "_";

const enchantedNamespace = "0b0c5f6e-6c1d-5a43-9a4e-2f6f1d9b7e51";

/** The same UUID for the same parts, everywhere and always: the identity of what has no Kubernetes UID. */
export const stableId = (...parts: readonly string[]): string => v5(parts.join("\u0000"), enchantedNamespace);

/** W3C ids of the span that a frame belongs to: 32 and 16 hex digits. */
export type TraceIds = { traceId: string; spanId: string };

const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The span that a W3C `traceparent` names; undefined where it is none. */
export const traceIdsIn = (traceparent: string): TraceIds | undefined => {
  const [, traceId, spanId] = traceparentPattern.exec(traceparent.trim()) ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether `text` is a lower-case UUID. */
export const isUuid = (text: string): boolean => uuidPattern.test(text);
