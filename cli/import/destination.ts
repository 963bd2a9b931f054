import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createFileLog, type FileLog } from "#nervous-system/recorder/context-file/file-log.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import { decodeStoredFrame } from "#nervous-system/recorder/stored-record.ts";
import type { Host } from "../host.ts";
import { fileTrouble } from "../file-trouble.ts";
import { outboxOf } from "../outbox/outbox.ts";
import { openSending } from "../outbox/sending.ts";
import { hideRecord } from "../record/hide-record.ts";
import { openForAppending } from "../record/open-record.ts";
import { once, readItems } from "../record/read-file.ts";
import type { ServerSettings } from "../server/settings.ts";

/** Where one chain goes. */
export type ChainLog = {
  /** Takes the next frame of the chain, as its log record; rejects with what is to be told where it cannot be taken. */
  append(payload: Uint8Array): Promise<void>;
  /** How many frames were not there before, as far as that is known. */
  added(): number;
  /** Answers what is to be told of frames that are not there yet. */
  close(): Promise<string | undefined>;
};

/** Where imported chains go: a file, which keeps what it has, or a collector. */
export type Destination = {
  /** In words, for people. */
  name: string;
  open(identity: RecorderIdentity): Promise<ChainLog>;
  /** Answers what is to be told of what was not written. */
  close(): Promise<string | undefined>;
};

/** Hashes of the frames of each chain that a file holds, by agent UID; the chains of the command line have epoch 1. */
type KnownChains = Map<string, string[]>;

const readChains = async (host: Host, path: string): Promise<KnownChains> => {
  const chains: KnownChains = new Map();
  if ((await stat(path).catch(() => undefined)) === undefined) return chains;
  for await (const item of readItems(host, path, once)) {
    if (item.kind !== "frame" || item.frame.envelope.epoch !== 1) continue;
    const { agent_uid, seq } = item.frame.envelope;
    const hashes = chains.get(agent_uid) ?? [];
    hashes[seq - 1] = item.frame.hash;
    chains.set(agent_uid, hashes);
  }
  return chains;
};

/** The part of a chain that a file lacks is appended to it; what it has must be the same. */
const continueChain = (log: FileLog, hashes: readonly string[]): ChainLog => {
  let added = 0;
  return {
    append: async (payload) => {
      const { envelope, hash } = decodeStoredFrame(Buffer.from(payload));
      const there = hashes[envelope.seq - 1];
      if (there === hash) return;
      if (there !== undefined || envelope.seq <= hashes.length)
        throw new Error("it was imported before and reads otherwise now; what is there stays as it is");
      await log.append(payload);
      added += 1;
    },
    added: () => added,
    close: async () => undefined,
  };
};

/** Opens the file that chains are appended to. */
export const openFileDestination = async (host: Host, file: string): Promise<Destination> => {
  const path = resolve(host.cwd, file);
  const handle = await openForAppending(path);
  await hideRecord(host, path).catch(() => undefined); // a convenience: the record is written all the same
  const chains = await readChains(host, path);
  const log = await createFileLog(handle);
  return {
    name: file,
    open: async ({ agent_uid }) => continueChain(log, chains.get(agent_uid) ?? []),
    close: async () => {
      await log.close();
      const failure = log.failure();
      return failure === undefined ? undefined : `the record ends early: ${path}: ${fileTrouble(failure)}`;
    },
  };
};

/** Opens the way to a collector, which keeps what it has; what it does not take at once waits in the outbox. */
export const openCollectorDestination = (host: Host, server: ServerSettings, drainMs: number): Destination => ({
  name: `the collector ${server.address}`,
  open: async (identity) => {
    const waiting = join(outboxOf(host), identity.agent_uid);
    if ((await stat(waiting).catch(() => undefined)) !== undefined)
      throw new Error(`it waits in the outbox since an earlier import: ${waiting}; send it with: enchanted push`);
    const sending = await openSending(host, server, identity);
    if (sending === undefined) throw new Error("the outbox cannot be written");
    sending.begin();
    let added = 0;
    return {
      append: async (payload) => {
        await sending.log.append(payload);
        added += 1;
      },
      added: () => added,
      close: () => sending.finish(drainMs),
    };
  },
  close: async () => undefined,
});
