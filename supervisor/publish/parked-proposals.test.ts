import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import { openParkedProposals, type ParkedProposals } from "#supervisor/publish/parked-proposals.ts";
import { refuse, retry, type Retryable } from "#supervisor/publish/proposal.ts";
import type { PublicationEnd } from "#supervisor/publish/publication-frame.ts";
import { runPublisher } from "#supervisor/publish/run-publisher.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "waiting-"));
});
afterEach(() => rm(directory, { recursive: true }));

const frameOf = (place: number): StoredFrame => {
  const hash = `${place}`.repeat(64).slice(0, 64);
  const envelope = { agent_uid: hash, namespace: "n", event_id: hash, mission: "m", epoch: 1 };
  return {
    envelope: envelope as StoredFrame["envelope"],
    envelopeText: JSON.stringify(envelope),
    bytes: Buffer.from(`{"n":${place}}`),
    prevHash: hash,
    hash,
    place,
    storedNs: 123_456_789_012_345_678n,
  };
};
const openHere = (maxBytes = 100_000): Promise<ParkedProposals> => openParkedProposals(directory, maxBytes, silentLog);

describe("parked proposals", () => {
  it("are the same after a restart, in the stream's order, until they are dropped", async () => {
    const parked = await openHere();
    for (const place of [2, 1]) expect(await parked.keep(frameOf(place))).toBe(true);
    await writeFile(join(directory, "half.json.part"), "{");
    const next = await openHere();
    expect(next.left).toEqual([frameOf(1), frameOf(2)]);
    await next.drop(frameOf(1).hash);
    expect(next.has(frameOf(1).hash)).toBe(false);
    expect((await openHere()).left).toEqual([frameOf(2)]);
    expect(await readdir(directory)).toHaveLength(1);
  });

  it("are not more than there is room for, and what cannot be read stops nobody", async () => {
    await writeFile(join(directory, "broken.json"), "{");
    const parked = await openHere(800);
    expect(parked.left).toEqual([]);
    expect(await parked.keep(frameOf(1))).toBe(true);
    expect(await parked.keep(frameOf(2))).toBe(false);
    expect(await parked.keep(frameOf(1))).toBe(true);
  });

  it("wait in the stream where the disk takes nothing", async () => {
    const parked = await openHere();
    await rm(directory, { recursive: true });
    expect(await parked.keep(frameOf(1))).toBe(false);
    await openHere();
  });
});

/** A publisher's life on so many proposals, until `isOver` after something happened. */
const live = async (
  places: readonly number[],
  answer: (place: number) => PublicationEnd | Retryable,
  isOver: (seen: { acknowledged: number; told: readonly string[] }) => boolean,
) => {
  const stopping = new AbortController();
  const stopped = new Promise<never>((_, reject) =>
    stopping.signal.addEventListener("abort", () => reject(stopping.signal.reason as Error)),
  );
  const left = [...places];
  const seen = { acknowledged: 0, told: [] as string[] };
  const look = (): void => {
    if (isOver(seen)) stopping.abort(new Error("over"));
  };
  await runPublisher(
    {
      reader: {
        next: () => {
          const place = left.shift();
          if (place === undefined) return stopped;
          return Promise.resolve({ item: { kind: "frame", frame: frameOf(place) } } as never);
        },
        ackThrough: (place) => {
          seen.acknowledged = place;
          look();
          return Promise.resolve();
        },
      },
      answer: ({ place }) => Promise.resolve(answer(place)),
      marks: { kills: () => 0, begin: () => Promise.resolve(), end: () => Promise.resolve() },
      parked: await openHere(),
      record: {
        write: ({ parentEventId = "" }: ComponentEvent) => {
          seen.told.push(parentEventId);
          look();
          return Promise.resolve(parentEventId);
        },
      },
      clock: { monotonicMs: () => 0, sleep: () => stopped },
      random: () => 0,
      log: silentLog,
      concurrency: 2,
      mostOpen: 100,
      mostOfAgent: 100,
      mostOfNamespace: 100,
      mostRefused: 100,
      giveUpAfterMs: 60_000,
      onEnd: () => undefined,
      onPublished: () => Promise.resolve(),
      onRetry: () => undefined,
    },
    stopping.signal,
  );
  return seen;
};

describe("a proposal that waits", () => {
  it("keeps nobody else's from being read, and is answered once by who comes after", async () => {
    const end = refuse("ForgeRefused", "answered");
    const first = await live(
      [1, 2, 3],
      (place) => (place === 1 ? retry("away") : end),
      ({ acknowledged, told }) => acknowledged === 3 && told.length === 2,
    );
    expect(first.told).not.toContain(frameOf(1).hash);
    // The acknowledgement may have been lost: the stream gives it again.
    const second = await live(
      [1, 4],
      () => end,
      ({ acknowledged, told }) => acknowledged === 4 && told.length === 2,
    );
    expect(second.told.toSorted()).toEqual([frameOf(1).hash, frameOf(4).hash]);
    expect((await openHere()).left).toEqual([]);
  });
});
