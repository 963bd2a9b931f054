import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createFileLog, type FileLog } from "#nervous-system/recorder/context-file/file-log.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { decodeStoredFrame } from "#nervous-system/recorder/stored-record.ts";
import type { Host } from "../host.ts";
import { fileTrouble } from "../file-trouble.ts";
import { outboxOf } from "../outbox/outbox.ts";
import { openSending } from "../outbox/sending.ts";
import { hideRecord } from "../record/hide-record.ts";
import { openForAppending } from "../record/open-record.ts";
import { once, readItems } from "../record/read-file.ts";
import type { ServerSettings } from "../server/settings.ts";
import { holdRecord } from "./hold-record.ts";
import { cameOf, type Came } from "./came.ts";

/** Where one chain goes. */
export type ChainLog = {
  /** Takes the next frame of the chain, as its log record; rejects with what is to be told where it cannot be taken. */
  append(payload: Uint8Array): Promise<void>;
  /** Answers what is to be told of frames that are not there yet. */
  close(): Promise<string | undefined>;
  /** What became of the frames, once it is closed. */
  came(): Came;
};

/** Where imported chains go: a file, which keeps what it has, or a collector. */
export type Destination = {
  /** In words, for people, behind "new" and "known". */
  name: string;
  /** Whether it takes frames of anybody's chains as they are; else those of the command line, of its namespace. */
  takesAnyChain: boolean;
  /** Opens the chain of an agent and epoch. */
  open(identity: RecorderIdentity, epoch: number): Promise<ChainLog>;
  /** Answers what is to be told of what was not written. */
  close(): Promise<string | undefined>;
};

/** A chain as far as a file holds it: its frames' hashes, and the last seq. */
type KnownChain = { hashes: Map<string, string>; last: number };
type KnownChains = Map<string, KnownChain>;

const chainOf = (chains: KnownChains, uid: string, epoch: number): KnownChain => {
  const key = `${uid}/${epoch}`;
  const known = chains.get(key) ?? { hashes: new Map<string, string>(), last: 0 };
  chains.set(key, known);
  return known;
};

/** A frame within its chain; one that no chain holds is known by its id. */
const nameIn = ({ seq, event_id }: RecordedFrame["envelope"]): string => (seq > 0 ? String(seq) : `id ${event_id}`);

const keepIn = (chain: KnownChain, { envelope, hash }: Pick<RecordedFrame, "envelope" | "hash">): void => {
  chain.hashes.set(nameIn(envelope), hash);
  chain.last = Math.max(chain.last, envelope.seq);
};

const readChains = async (host: Host, path: string): Promise<KnownChains> => {
  const chains: KnownChains = new Map();
  if ((await stat(path).catch(() => undefined)) === undefined) return chains;
  for await (const item of readItems(host, path, once)) {
    if (item.kind !== "frame") continue;
    keepIn(chainOf(chains, item.frame.envelope.agent_uid, item.frame.envelope.epoch), item.frame);
  }
  return chains;
};

/** The part of a chain that a file lacks is appended to it; what it has must be the same. */
const continueChain = (log: FileLog, chain: KnownChain): ChainLog => {
  let [added, known] = [0, 0];
  return {
    append: async (payload) => {
      const frame = decodeStoredFrame(Buffer.from(payload));
      const { seq } = frame.envelope;
      const there = chain.hashes.get(nameIn(frame.envelope));
      if (there === frame.hash) return void (known += 1);
      if (there !== undefined)
        throw new Error("it was imported before and reads otherwise now; what is there stays as it is");
      if (seq > 0 && seq <= chain.last)
        throw new Error("the file has later frames of the same chain; import into another file");
      await log.append(payload);
      keepIn(chain, frame);
      added += 1;
    },
    close: async () => undefined,
    came: () => ({ added, known, refused: 0 }),
  };
};

/** Opens the file that chains are appended to, and holds it against other imports until it is closed. */
export const openFileDestination = async (host: Host, file: string): Promise<Destination> => {
  const path = resolve(host.cwd, file);
  const handle = await openForAppending(path);
  const release = await holdRecord(host, path, await handle.stat({ bigint: true })).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  await hideRecord(host, path).catch(() => undefined); // a convenience: the record is written all the same
  const chains = await readChains(host, path);
  const log = await createFileLog(handle);
  return {
    name: `in ${file}`,
    takesAnyChain: true,
    open: async ({ agent_uid }, epoch) => continueChain(log, chainOf(chains, agent_uid, epoch)),
    close: async () => {
      await log.close();
      release();
      const failure = log.failure();
      return failure === undefined ? undefined : `the record ends early: ${path}: ${fileTrouble(failure)}`;
    },
  };
};

/** Opens the way to a collector, which keeps what it has; what it does not take at once waits in the outbox. */
export const openCollectorDestination = (host: Host, server: ServerSettings, drainMs: number): Destination => ({
  name: `at the collector ${server.address}`,
  takesAnyChain: false,
  open: async (identity) => {
    const waiting = join(outboxOf(host), identity.agent_uid);
    if ((await stat(waiting).catch(() => undefined)) !== undefined)
      throw new Error(`it waits in the outbox since an earlier import: ${waiting}; send it with: enchanted push`);
    const sending = await openSending(host, server, identity);
    if (sending === undefined) throw new Error("the outbox cannot be written");
    sending.begin();
    const seqs: number[] = [];
    return {
      append: async (payload) => {
        await sending.log.append(payload);
        seqs.push(decodeStoredFrame(Buffer.from(payload)).envelope.seq);
      },
      close: async () => {
        const left = await sending.finish(drainMs);
        const { refused = 0, why = "" } = sending.arrived() ?? {};
        return left ?? (refused > 0 ? `the collector refused ${refused} frame(s): ${why}` : undefined);
      },
      came: () => cameOf(seqs, sending.arrived()),
    };
  },
  close: async () => undefined,
});
