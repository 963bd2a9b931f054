import { chunkOf } from "#nervous-system/comms/nats/place.ts";
import type { StreamState } from "#nervous-system/comms/nats/stream-trim.ts";
import { folderOf, parseFileKey } from "#pipeline/siphon/archive/keys.ts";
import type { Cut } from "#pipeline/siphon/sink.ts";

/** The stream as a round saw it when it began, and up to which of its messages each sink had finished. */
export type StreamView = Pick<StreamState, "created" | "lastSeq"> & {
  readonly finished: ReadonlyMap<string, number>;
  /** The time of the round, Unix milliseconds. */
  readonly nowMs: number;
};

/** The message of the stream up to which a sink is through; 0 before its first. */
export const finishedBy = ({ finished }: StreamView, sink: string): number => finished.get(sink) ?? 0;

/** Whether a sink's store must hold everything up to a place: of a stream that is no more it will get no more. */
export const isSettled = (view: StreamView, sink: string, { stream, to }: Pick<Cut, "stream" | "to">): boolean =>
  stream !== view.created || chunkOf(to) <= finishedBy(view, sink);

/** Whether a file of the archive must have its manifest. */
export const isDue = (view: StreamView, key: string): boolean => {
  const named = parseFileKey(key);
  if (named === undefined || named.folder !== folderOf(view.created)) return true;
  return isSettled(view, "archive", { stream: view.created, to: named.to });
};
