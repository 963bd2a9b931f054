import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { heldKey } from "#pipeline/siphon/archive/keys.ts";
import { createArchiveSink } from "#pipeline/siphon/archive/sink.ts";
import { erasuresIn } from "#pipeline/siphon/erasures.ts";
import { busyChain, sendByTurns } from "./auditor-harness.ts";
import { createCleanup, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { orderOf, startErasableStores, type ErasableStores } from "./erasure-harness.ts";
import { ledgerFrames } from "./ledger-harness.ts";

const SECRET = "Erika Mustermann";
const never = new AbortController().signal;
const cleanup = createCleanup();
let stores: ErasableStores;
beforeAll(async () => {
  stores = await startErasableStores(cleanup);
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

/** What an agent says of somebody, in every way that a store has columns, nodes or objects for. */
const telling: ReadonlyArray<(blob: string) => Record<string, unknown>> = [
  () => ({ payload: { text: `${SECRET} wants it so` } }),
  () => ({ event_type: "DECISION_RATIONALE", payload: { reasoning: `as ${SECRET} says`, selected_strategy: SECRET } }),
  (blob) => ({
    event_type: "STATE_CHANGE",
    related_commit_hash: "c".repeat(40),
    payload: {
      file_modified: `${SECRET}.txt`,
      change: "added",
      patch: `+${SECRET}`,
      depends_on: [`of ${SECRET}`],
      blob,
    },
  }),
  () => ({ event_type: "MESSAGE", payload: { from: "coder-1", to: "coder-2", subject: SECRET, text: SECRET } }),
  () => ({ event_type: "LESSON", payload: { state: "learned", text: `never call ${SECRET}`, sources: ["x"] } }),
  () => ({ event_type: "PROPOSAL", payload: { head: "d".repeat(40), title: SECRET, files: [], body: SECRET } }),
];

describe("an erasure", () => {
  let told: StoredFrame[] = [];

  it("takes what a frame says out of every store, and leaves its chain as it was", async () => {
    const { client } = stores.archive;
    await client.ensureBucket();
    const blobs = createObjectStore({ client, spoolDir: await temporaryDirectory(cleanup) });
    const blob = await blobs.put("team-a", Buffer.from(`${SECRET} whole`));
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    const frames = telling.flatMap((tell) => [
      chain.next(tell(blob)),
      // Whose chain it is, the graph knows by what it is not asked to forget.
      chain.next({ event_type: "DECISION_RATIONALE", payload: { reasoning: "so" } }),
    ]);
    await sendByTurns(stores.bus, [frames, busyChain({ agent_uid: agentUid(2) }, 120)]);
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual(["ledger", "archive", "graph", "memory"]);
    const before = await stores.archive.frames();
    told = before.filter(({ bytes }) => Buffer.from(bytes).includes(SECRET));
    expect(told).toHaveLength(telling.length);

    await stores.bus.unchained.publish(told.map((frame) => orderOf(frame, [blob])));
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual([]);
    expect(await blobs.get("team-a", blob)).toBeUndefined();
    const after = await stores.archive.frames();
    expect(after.map(({ hash }) => hash).slice(0, before.length)).toEqual(before.map(({ hash }) => hash));
    expect(after.filter(({ bytes }) => erasedDigest(bytes) !== undefined)).toHaveLength(told.length);
    expect(await stores.verified()).toMatchObject({ ok: true, erased: told.length });
    expect(await stores.audited()).toEqual([]);
    expect((await checkArchive(client, stores.archive.signing.keys)).faults).toEqual([]);
  }, 300_000);

  it("changes nothing where it is ordered again, or of a frame that is not there", async () => {
    const before = JSON.stringify(await stores.everything());
    const [one] = told;
    const absent = { ...one!, envelope: { ...one!.envelope, seq: 999 } };
    const names = await stores.archive.keys("archive.v1/frames/");
    await stores.bus.unchained.publish([orderOf(one!), orderOf(absent)]);
    await stores.feed();
    expect((await stores.archive.keys("archive.v1/frames/")).filter((name) => name.includes(".r"))).toEqual(
      names.filter((name) => name.includes(".r")),
    );
    expect(before.length).toBeLessThan(JSON.stringify(await stores.everything()).length);
    expect(await stores.audited()).toEqual([]);
  }, 300_000);

  it("is told as held where a lock of the store keeps a file", async () => {
    const { client } = stores.archive;
    const [file = ""] = await stores.archive.keys("archive.v1/frames/");
    const mark = Buffer.from(JSON.stringify({ key: file, untilMs: Date.UTC(2126, 0, 2) }));
    await client.put(heldKey(file), mark, mark.length);
    expect(await stores.audited()).toEqual([
      expect.objectContaining({
        store: "archive",
        kind: "held",
        subject: file,
        first: "it was erased, and is locked until 2126-01-02T00:00:00.000000000Z",
      }),
    ]);
    // Somebody's mark on a file in whose place no other is takes it from nobody.
    const past = Buffer.from(JSON.stringify({ key: file, untilMs: 1 }));
    await client.put(heldKey(file), past, past.length);
    await stores.feed();
    expect(await stores.archive.keys("archive.v1/frames/")).toContain(file);
    await client.delete(heldKey(file));
    expect(await stores.audited()).toEqual([]);
  }, 300_000);

  it("is what stores are filled with that are made anew from the archive", async () => {
    const { ledger, graph } = stores;
    const [rows, nodes] = [await ledgerFrames(ledger), (await graph.dump()).nodes];
    await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
    await graph.client.run("MATCH (n) DETACH DELETE n");
    await stores.importInto("ledger");
    await stores.importInto("graph");
    expect(await ledgerFrames(ledger)).toEqual(rows);
    expect((await graph.dump()).nodes).toEqual(nodes);
    expect(await stores.saying(SECRET)).toEqual([]);
  }, 300_000);

  it("goes on where the archive failed at any of its steps", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(3) });
    await stores.bus.publisher.publish([chain.next({ payload: { text: `${SECRET} again` } }), ...chain.take(5)]);
    await stores.feed();
    const target = (await stores.archive.frames()).find(({ bytes }) => Buffer.from(bytes).includes(SECRET))!;
    const erasures = erasuresIn([{ ...orderOf(target), place: 1, storedNs: 1n }]);
    let left = 0;
    const failing = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
      return (...args: A): Promise<R> => {
        left -= 1;
        return left === 0 ? Promise.reject(new Error("the store is away")) : call(...args);
      };
    };
    const { client } = stores.archive;
    const wrapped: ObjectClient = {
      ...client,
      put: failing(client.put),
      putIfAbsent: failing(client.putIfAbsent),
      get: failing(client.get),
      erase: failing(client.erase),
    };
    const results: string[] = [];
    for (let step = 1; results.at(-1) !== "written"; step += 1) {
      left = step;
      const sink = createArchiveSink(wrapped, { signing: stores.archive.signing, log: silentLog });
      results.push((await sink.erase(erasures, never)).kind);
      expect((await stores.archive.frames()).filter(({ hash }) => hash === target.hash)).toHaveLength(1);
    }
    expect(results.length).toBeGreaterThan(3);
    expect(await stores.saying(SECRET)).toEqual(["ledger"]); // which was not told, as the graph and the memory take no THOUGHT
    expect((await stores.archive.frames()).some(({ bytes }) => Buffer.from(bytes).includes(SECRET))).toBe(false);
    expect((await checkArchive(client, stores.archive.signing.keys)).faults).toEqual([]);
  }, 300_000);
});
