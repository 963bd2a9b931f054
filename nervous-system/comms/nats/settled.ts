import type { JetStreamManager } from "@nats-io/jetstream";
import { chainFilter, contextStream, partitions, tailsStream, tailFilter } from "#nervous-system/schemas/subjects.ts";
import type { ChainTail } from "./chain-plan.ts";
import { readLast } from "./chain-tail.ts";
import { readSummary, streamMessageOf } from "./read-chunk.ts";
import { filterSubject } from "./subject-guard.ts";

const NOT_FOUND = new Set([10014, 404]);

/** Stream sequence up to which a sink's store holds everything; 0 while there is no such reader. */
const floorOf = async (manager: JetStreamManager, sink: string): Promise<number> => {
  try {
    return (await manager.consumers.info(contextStream, sink)).ack_floor.stream_seq;
  } catch (error) {
    if (NOT_FOUND.has(Number((error as { code?: unknown } | null)?.code))) return 0;
    throw error;
  }
};

const highestOf = async (manager: JetStreamManager, filter: string, floor: number): Promise<number> => {
  const found = await manager.direct.getLastMessagesFor(contextStream, { multi_last: [filter], up_to_seq: floor });
  let highest = 0;
  for await (const message of found) highest = Math.max(highest, readSummary(streamMessageOf(message))?.lastSeq ?? 0);
  return highest;
};

/** What the server answers when more than 1,024 subjects match: a gateway's chain is about many missions. */
const isTooMany = (error: unknown): boolean => /too many results/i.test(String(error));

/** The highest seq of a chain below a stream sequence: the last chunk of each mission and lane is asked for, by partition where they are many. */
const seqUpTo = async (manager: JetStreamManager, filter: string, floor: number): Promise<number> => {
  if (floor === 0) return 0;
  try {
    return await highestOf(manager, filter, floor);
  } catch (error) {
    if (!isTooMany(error)) throw error;
  }
  let highest = 0;
  for (let partition = 0; partition < partitions; partition += 1) {
    const within = filter.replace("context.*", `context.${partition}`);
    highest = Math.max(highest, await highestOf(manager, within, floor));
  }
  return highest;
};

/** The chain whose settled mark is asked for, with its tail. */
export type SettledQuestion = {
  readonly agentUid: string;
  readonly epoch: number;
  readonly tail: ChainTail;
  /** Names of the durable consumers whose stores must hold a frame before its recorder may forget it. */
  readonly sinks: readonly string[];
};

/** The highest seq of a chain that every sink's store holds, 0 for none. */
export const readSettled = async (manager: JetStreamManager, question: SettledQuestion): Promise<number> => {
  const { agentUid, epoch, tail, sinks } = question;
  const floor = Math.min(...(await Promise.all(sinks.map((sink) => floorOf(manager, sink)))));
  if (floor >= tail.streamSeq) return tail.seq;
  const found = await seqUpTo(manager, filterSubject(chainFilter(agentUid, epoch)), floor);
  // Trimmed is only what every sink holds.
  return found > 0 ? found : ((await readLast(manager, tailsStream, tailFilter(agentUid, epoch)))?.lastSeq ?? 0);
};
