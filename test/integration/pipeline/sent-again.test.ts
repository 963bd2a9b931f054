import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import { randomIds, stableId } from "#nervous-system/schemas/ids.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { createExternalFrames } from "#pipeline/collector/external-frames.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { busyChain, sendByTurns } from "./auditor-harness.ts";
import { createCleanup, readFrames } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { orderOf, startErasableStores, type ErasableStores } from "./erasure-harness.ts";
import { ledgerFrames } from "./ledger-harness.ts";

const SECRET = "Erika Mustermann";
const KEPT = "what everybody may know";
const cleanup = createCleanup();
const ids = randomIds();
let stores: ErasableStores;

/** A stream that soon takes what is sent again for something new. */
const shortenWindow = async (): Promise<void> => {
  const connection = await connect({ servers: stores.nats.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.update(contextStream, { duplicate_window: 100_000_000 });
  await connection.close();
};

beforeAll(async () => {
  stores = await startErasableStores(cleanup);
  await shortenWindow();
  await stores.bus.publisher.publish(busyChain({ agent_uid: agentUid(1) }, 60));
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

const compose = createExternalFrames({ clock: systemClock(), redactor: createRedactor([]) });
const ann = {
  agentUid: stableId("stranger", "ann"),
  namespace: "team-a",
  producers: ["agent" as const],
  recorder: "scribe",
  principal: "ann",
};

type Event = { readonly event_id: string; readonly event_type: string; readonly payload: Record<string, unknown> };

/** An event as the collector writes it each time that a client sends it. */
const sent = (frame: Event): RecordedFrame => {
  const made = compose({ frame }, ann);
  if (made.kind !== "frame") throw new Error(made.reason);
  return made.frame;
};

/** The same event of every type that a store has columns, nodes or objects for. */
const eventsOf = (words: string): Event[] =>
  [
    { event_type: "THOUGHT", payload: { text: `${words} in a thought` } },
    { event_type: "DECISION_RATIONALE", payload: { reasoning: `because of ${words}`, selected_strategy: words } },
    { event_type: "STATE_CHANGE", payload: { file_modified: `${words}.txt`, change: "added", patch: `+${words}` } },
    { event_type: "MESSAGE", payload: { from: "ann", to: "coder-1", subject: words, text: words } },
    { event_type: "LESSON", payload: { state: "learned", text: `never call ${words}`, sources: ["x"] } },
  ].map((event) => ({ ...event, event_id: ids.next() }));

const says = ({ bytes }: StoredFrame, words: string): boolean => Buffer.from(bytes).includes(words);

/** Sends events, each until the stream has it once more. */
const send = async (events: readonly Event[]): Promise<void> => {
  const count = async (id: string): Promise<number> =>
    (await readFrames(stores.bus)).filter(({ envelope }) => envelope.event_id === id).length;
  for (const event of events) {
    const before = await count(event.event_id);
    await eventually("the stream takes it for new", async () => {
      await stores.bus.unchained.publish([sent(event)]);
      return (await count(event.event_id)) > before;
    });
  }
};

/** Orders to erase what the archive holds of events, at their first places. */
const orders = async (events: readonly Event[]): Promise<RecordedFrame[]> => {
  const frames = await stores.archive.frames();
  return events.map(({ event_id: id }) => orderOf(frames.find(({ envelope }) => envelope.event_id === id)!));
};

const wholeIn = async (words: string): Promise<number> =>
  (await stores.archive.frames()).filter((frame) => says(frame, words)).length;

/** What nobody erased stands as it was sent, the stores agree, and nothing of the archive is amiss. */
const expectSound = async (erased: number): Promise<void> => {
  expect(await stores.audited()).toEqual([]);
  expect(await stores.verified()).toMatchObject({ ok: true });
  expect((await checkArchive(stores.archive.client)).faults).toEqual([]);
  const frames = await stores.archive.frames();
  expect(frames.filter(({ bytes }) => erasedDigest(bytes) !== undefined)).toHaveLength(erased);
};

describe("an event that is sent again behind the order to erase it", () => {
  const [erased, others] = [eventsOf(SECRET), eventsOf(KEPT)];
  const count = erased.length;

  it("is in no store with its words, however often, and others are", async () => {
    await send([...erased, ...others]);
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual(["ledger", "archive", "graph", "memory"]);
    await stores.bus.unchained.publish(await orders(erased));
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual([]);
    for (const times of [1, 2]) {
      await send([...erased, ...others]);
      await stores.feed();
      expect(await stores.saying(SECRET)).toEqual([]);
      expect(await wholeIn(KEPT)).toBe(others.length * (times + 1));
      await expectSound(count * (times + 1));
    }
    const kept = (await ledgerFrames(stores.ledger)).filter(({ frame }) => frame.includes(KEPT));
    expect(kept).toHaveLength(others.length);
    expect(JSON.stringify(await stores.memory.remembered("decision"))).toContain(KEPT);
  }, 300_000);

  it("nor where it takes another type under the same id", async () => {
    const [thought, , , message, lesson] = erased;
    for (const event of [message, lesson]) await send([{ ...event!, event_id: thought!.event_id }]);
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual([]);
    await expectSound(count * 3 + 2);
  }, 300_000);

  it("nor where it comes with its order in one batch, in front of it or behind", async () => {
    const [before, behind] = [eventsOf(SECRET), eventsOf(SECRET)];
    await send([...before, ...behind]);
    await stores.feed();
    const ordered = await orders([...before, ...behind]);
    await send(before);
    await stores.bus.unchained.publish(ordered);
    await send(behind);
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual([]);
    await expectSound(count * 3 + 2 + 4 * count);
  }, 300_000);

  it("nor where the stream stores a chain's frame again", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(3) });
    const frames = [chain.next({ payload: { text: SECRET } }), ...chain.take(3)];
    await sendByTurns(stores.bus, [frames]);
    await stores.feed();
    const target = (await stores.archive.frames()).find((frame) => says(frame, SECRET))!;
    await stores.bus.unchained.publish([orderOf(target)]);
    await stores.feed();
    // As a scribe sends it to a stream that was made anew: with the same hash.
    await stores.bus.unchained.publish(frames);
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual([]);
    expect((await stores.archive.frames()).filter(({ hash }) => hash === target.hash)).toHaveLength(2);
    await expectSound(count * 7 + 2 + 2);
  }, 300_000);

  it("nor in empty stores that are filled from the archive and then by the stream, which has all of its words", async () => {
    const { ledger, graph, memory } = stores;
    const [rows, { nodes }, decisions] = [
      await ledgerFrames(ledger),
      await graph.dump(),
      await memory.remembered("decision"),
    ];
    await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
    await graph.client.run("MATCH (n) DETACH DELETE n");
    const cleared = ["Lesson", "Decision", "CodeDiff", "MemoryCut", "MemoryErased"];
    for (const name of cleared) await memory.client.dropCollection(name);
    for (const name of ["ledger", "graph", "memory"] as const) await stores.importInto(name);
    expect(await stores.saying(SECRET)).toEqual([]);
    expect(await ledgerFrames(ledger)).toEqual(rows);
    expect((await graph.dump()).nodes).toEqual(nodes);
    expect(await memory.remembered("decision")).toEqual(decisions);
    expect((await readFrames(stores.bus)).some((frame) => says(frame, SECRET))).toBe(true);
    await send(erased);
    await stores.feed();
    expect(await stores.saying(SECRET)).toEqual([]);
    await expectSound(count * 7 + 2 + 2 + count);
  }, 300_000);
});
