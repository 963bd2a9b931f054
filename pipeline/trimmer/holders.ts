import { chunkOf } from "#nervous-system/comms/nats/place.ts";
import type { StreamState } from "#nervous-system/comms/nats/stream-trim.ts";
import { informerAccess } from "#nervous-system/kubernetes/informer.ts";
import { missions, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isFinished } from "#nervous-system/schemas/conditions.ts";
import { publisherReader, summarizerReader } from "#nervous-system/schemas/subjects.ts";
import { settlingReaders, sinks } from "#pipeline/siphon/sinks.ts";
import type { Holder } from "#pipeline/trimmer/decide-trim.ts";

/** What the trimmer reads of the cluster. */
export const trimmerClusterAccess = informerAccess(missions);

/** Readers without which nothing may go, there or not. */
const expectedReaders = [...settlingReaders, publisherReader];

// A store that is away, or was taken out of the cluster and left its reader behind, must not end all recording; nor may lessons.
const yielding = new Set<string>([
  ...sinks.filter(({ settles }) => !settles).map(({ name }) => name),
  summarizerReader,
]);

/** The message where each durable reader stands stays, so that it can still see whether the stream is the one it read. */
export const readersAsHolders = (watermarks: ReadonlyMap<string, number>): Holder[] => {
  const missing = expectedReaders.filter((name) => !watermarks.has(name));
  return [
    ...missing.map((name) => ({ name: `the reader ${name}, which has never read,`, seq: 0 })),
    ...[...watermarks].map(([name, seq]): Holder => {
      const holder = { name: `the reader ${name}`, seq };
      return yielding.has(name) ? { ...holder, yields: true } : holder;
    }),
  ];
};

/** The message before a mission's first frame stays with what follows: by it the operator knows the stream again. */
const firstNeeded = ({ status }: Mission, created: string): number | undefined => {
  const { firstSeq, stream = created } = status?.ledger ?? {};
  if (firstSeq === undefined || isFinished(status?.conditions)) return undefined;
  return stream === created ? chunkOf(firstSeq - 1) : 0; // of another stream: this one is read from its beginning
};

/** What unfinished missions need: the operator folds their frames from the first one. */
export const missionsAsHolders = (all: readonly Mission[], { created }: Pick<StreamState, "created">): Holder[] =>
  all.flatMap((mission) => {
    const seq = firstNeeded(mission, created);
    const { namespace, name } = mission.metadata;
    return seq === undefined ? [] : [{ name: `the unfinished mission ${namespace}/${name}`, seq }];
  });
