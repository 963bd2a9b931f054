import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { replaceFile } from "#nervous-system/kernel/replace-file.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";

/**
 * Proposals that wait, kept on the publisher's own claim: the stream is acknowledged up to the oldest that is unfinished and
 * read so far past it, so that one that waited in the stream would keep everybody else's from being read.
 */
export type ParkedProposals = {
  /** What an earlier process left waiting. */
  readonly left: readonly StoredFrame[];
  has(hash: string): boolean;
  /** Keeps one through any crash; answers false where there is no room, and it has to wait in the stream. */
  keep(frame: StoredFrame): Promise<boolean>;
  drop(hash: string): Promise<void>;
};

const render = ({ envelopeText, bytes, prevHash, hash, place, storedNs }: StoredFrame): string =>
  JSON.stringify({
    envelopeText,
    bytes: Buffer.from(bytes).toString("base64"),
    prevHash,
    hash,
    place,
    stored: `${storedNs}`,
  });

type Written = Pick<StoredFrame, "envelopeText" | "prevHash" | "hash" | "place"> & { bytes: string; stored: string };

const parse = (text: string): StoredFrame => {
  const { bytes, stored, ...rest } = JSON.parse(text) as Written;
  const envelope = JSON.parse(rest.envelopeText) as Envelope;
  return { ...rest, envelope, bytes: Buffer.from(bytes, "base64"), storedNs: BigInt(stored) };
};

const ending = ".json";

/** Opens what is kept in a directory, which may take so many bytes. */
export const openParkedProposals = async (
  directory: string,
  maxBytes: number,
  log: Pick<Log, "warn">,
): Promise<ParkedProposals> => {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const sizes = new Map<string, number>();
  const left: StoredFrame[] = [];
  const fileOf = (hash: string): string => join(directory, hash + ending);
  const load = async (name: string): Promise<void> => {
    const text = await readFile(join(directory, name), "utf8");
    try {
      left.push(parse(text));
      sizes.set(name.slice(0, -ending.length), text.length);
    } catch (error) {
      log.warn({ name, error: String(error) }, "a proposal that waited cannot be read");
    }
  };
  for (const name of await readdir(directory)) {
    if (name.endsWith(ending)) await load(name);
    // It was not written to its end, so it was not acknowledged, and comes again.
    else await rm(join(directory, name));
  }
  const roomFor = (text: string): boolean =>
    [...sizes.values()].reduce((sum, size) => sum + size, text.length) <= maxBytes;
  return {
    left: left.toSorted((a, b) => a.place - b.place),
    has: (hash) => sizes.has(hash),
    keep: async (frame) => {
      const text = render(frame);
      if (sizes.has(frame.hash)) return true;
      if (!roomFor(text)) return false;
      try {
        await replaceFile(fileOf(frame.hash), text);
      } catch (error) {
        log.warn({ error: String(error) }, "a proposal that waits cannot be kept, and waits in the stream");
        return false;
      }
      sizes.set(frame.hash, text.length);
      return true;
    },
    drop: async (hash) => {
      if (!sizes.has(hash)) return;
      await rm(fileOf(hash), { force: true });
      sizes.delete(hash);
    },
  };
};
