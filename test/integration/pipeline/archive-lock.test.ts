import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { archiveStart, stepArchive } from "#pipeline/archive-reader/walk-archive.ts";
import { eraseOrHold, heldObjects, type HeldObject } from "#pipeline/siphon/archive/held-objects.ts";
import { filesPrefix, heldKey, heldPrefix, manifestKey } from "#pipeline/siphon/archive/keys.ts";
import { createReleases, type PutLock } from "#pipeline/siphon/archive/lock.ts";
import { blobKey } from "#nervous-system/stores/s3/object-store.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { startTestArchive, type TestArchive } from "./archive-harness.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";

const SECRET = "Erika Mustermann";
const DAY_MS = 86_400_000;
const LOCKED_MS = 4_000;

const cleanup = createCleanup();
const never = new AbortController().signal;
let archive: TestArchive;
let plain: TestArchive;

beforeAll(async () => {
  archive = await startTestArchive(cleanup, undefined, true);
  plain = await startTestArchive(cleanup);
  await archive.client.ensureBucket();
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

/** A day that is over in four seconds, by a clock that is put right behind what is written. */
const lockOf = (mode: PutLock["mode"]): PutLock & { putRight(): void } => {
  let behindMs = DAY_MS - LOCKED_MS;
  return {
    mode,
    days: 1,
    clock: { now: () => systemClock().now() - behindMs },
    putRight: () => void (behindMs = 0),
  };
};

let place = 0;
const chain = chainBuilder({ agent_uid: agentUid(1) });
const frameOf = (text: string): StoredFrame => {
  place += 1;
  return { ...chain.next({ payload: { text } }), place, storedNs: BigInt(place) };
};

const write = async (frames: readonly StoredFrame[], lock: PutLock): Promise<void> => {
  const sink = archive.sink(undefined, lock);
  await sink.prepare();
  const [from = 0, to = 0] = [frames[0]?.place, frames.at(-1)?.place];
  for (let n = 0; n < 2; n += 1) {
    const batch = { cut: { stream: "of locks", from, to, hash: `h${to}` }, frames };
    expect(await sink.write(batch, never)).toEqual({ kind: "written" });
  }
  await sink.close();
};

const erase = async ({ envelope, place: at }: StoredFrame, lock: PutLock): Promise<void> => {
  const sink = archive.sink(undefined, lock);
  const { namespace, event_id: eventId, agent_uid, epoch, seq } = envelope;
  const order = { namespace, eventId, agentUid: agent_uid, epoch, seq, principal: "", places: [at], blobs: [] };
  expect(await sink.erase([order], never)).toEqual({ kind: "written" });
  await sink.close();
};

const held = async (): Promise<HeldObject[]> => {
  const all: HeldObject[] = [];
  for await (const one of heldObjects(archive.client)) all.push(one);
  return all;
};
const faults = async (): Promise<readonly string[]> =>
  (await checkArchive(archive.client, archive.signing.keys)).faults;
const words = async (): Promise<string> =>
  (await archive.frames()).map(({ bytes }) => Buffer.from(bytes).toString()).join("\n");

/** Waits until nothing is locked any more, and lets go of what a sink marked. */
const release = async (lock: ReturnType<typeof lockOf>): Promise<void> => {
  lock.putRight();
  const sink = archive.sink(undefined, lock);
  await eventually(
    "what was held is gone",
    async () => {
      await sink.prepare();
      return (await held()).length === 0;
    },
    30_000,
  );
  await sink.close();
};

beforeEach(async () => {
  await eventually("everything is removed", async () => {
    for (const key of await archive.keys("")) await archive.client.erase(key);
    return (await archive.keys("")).length === 0;
  });
}, 60_000);

describe("a locked archive", () => {
  it("cannot be deleted or written over until its day, and a batch that comes again finds its file", async () => {
    await write([frameOf("one")], lockOf("COMPLIANCE"));
    const [file = ""] = await archive.keys(filesPrefix);
    for (const key of [file, manifestKey(1)]) {
      await expect(archive.client.delete(key)).rejects.toThrow(/lock/);
      await expect(archive.client.put(key, Buffer.from("x"), 1)).rejects.toThrow(/lock/);
      expect(await archive.client.erase(key)).toEqual({ kind: "held", untilMs: expect.any(Number) });
    }
    expect(await faults()).toEqual([]);
  }, 60_000);

  it("keeps a file with erased words until its day, which it says, and nobody is given them", async () => {
    const lock = lockOf("COMPLIANCE");
    const frames = [frameOf("before"), frameOf(`${SECRET} called`), frameOf(`${SECRET} wrote`)];
    const before = systemClock().now();
    await write(frames, lock);
    const [file] = await archive.keys(filesPrefix);
    await erase(frames[1]!, lock);
    const [mark] = await held();
    expect(mark?.key).toBe(file);
    expect(mark!.untilMs!).toBeGreaterThanOrEqual(before + LOCKED_MS - 1000);
    expect(await archive.keys(filesPrefix)).toHaveLength(2);
    expect(await words()).not.toContain(`${SECRET} called`);
    expect(await faults()).toEqual([]);
    // The auditor is given what stands in its place, too.
    const { content } = await stepArchive({ client: archive.client, newest: 0, isDue: () => false }, archiveStart);
    expect(content?.frames.filter(({ bytes }) => erasedDigest(bytes) !== undefined)).toHaveLength(1);

    // Ordered again, and of another frame of the file: its revision is replaced, the file is left as it is.
    await erase(frames[1]!, lock);
    await erase(frames[2]!, lock);
    expect(await held()).toHaveLength(2);
    expect(await words()).not.toContain(SECRET);
    expect(await faults()).toEqual([]);

    await release(lock);
    expect(await archive.keys(filesPrefix)).toEqual([expect.stringMatching(/\.r2\.parquet$/)]);
    expect(await archive.keys(heldPrefix)).toEqual([]);
    expect(await words()).not.toContain(SECRET);
    expect(await faults()).toEqual([]);
  }, 120_000);

  it("for governance lets an order take the file at once, where the account may", async () => {
    const lock = lockOf("GOVERNANCE");
    const frame = frameOf(SECRET);
    await write([frame, frameOf("after")], lock);
    await erase(frame, lock);
    expect(await held()).toEqual([]);
    expect(await archive.keys(filesPrefix)).toEqual([expect.stringMatching(/\.r1\.parquet$/)]);
    expect(await faults()).toEqual([]);
  }, 60_000);

  it("holds no frame of an archive that is written without a lock", async () => {
    const frame = frameOf(SECRET);
    const sink = archive.sink();
    await sink.prepare();
    const cut = { stream: "of locks", from: frame.place, to: frame.place, hash: "h" };
    expect(await sink.write({ cut, frames: [frame] }, never)).toEqual({ kind: "written" });
    await sink.close();
    const [file = ""] = await archive.keys(filesPrefix);
    await eraseOrHold(archive.client, file);
    expect(await archive.keys(filesPrefix)).toEqual([]);
    expect(await held()).toEqual([]);
  }, 60_000);

  it("lets go of what is due behind any number of marks that are not", async () => {
    const { client } = plain;
    await client.ensureBucket();
    const blobs = Array.from({ length: 5 }, (_, n) => blobKey("default", `sha256:${String(n).padStart(64, "0")}`));
    const inOrder = blobs.toSorted((a, b) => (heldKey(a) < heldKey(b) ? -1 : 1));
    for (const [at, key] of inOrder.entries()) {
      const mark = Buffer.from(JSON.stringify({ key, untilMs: at < 4 ? 2_000 : 1 }));
      await client.put(key, Buffer.from("words"), 5);
      await client.put(heldKey(key), mark, mark.length);
    }
    const releases = createReleases(
      () => ({ client, files: undefined }),
      { ...lockOf("COMPLIANCE"), clock: { now: () => 1000 } },
      2,
    );
    await releases.now();
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await plain.keys("default/")).toHaveLength(5);
      await releases.nowAndThen();
    }
    expect(await plain.keys("default/")).toEqual(inOrder.slice(0, 4).toSorted());
    expect(await plain.keys(heldPrefix)).toHaveLength(4);
    // The round is over: what is due from now on waits for the next hour.
    const [first = ""] = inOrder;
    const due = Buffer.from(JSON.stringify({ key: first, untilMs: 1 }));
    await client.put(heldKey(first), due, due.length);
    await releases.nowAndThen();
    expect(await plain.keys(heldPrefix)).toHaveLength(4);
    await plain.clear();
  }, 60_000);

  it("is not written to a bucket that cannot lock", async () => {
    const sink = plain.sink(undefined, lockOf("COMPLIANCE"));
    await expect(sink.prepare()).rejects.toThrow("the bucket cannot lock objects: enable it there");
    expect(await plain.keys("")).toEqual([]);
    await sink.close();
  }, 60_000);
});
