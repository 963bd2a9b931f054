import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "nats";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { placeOf } from "#nervous-system/comms/nats/place.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { createFrameObserver, type FrameObserver, type FrameObserverOptions } from "#operator/frames/observer.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, startTestNats } from "#test/integration/pipeline/bus-harness.ts";
import { agentUid, chainBuilder, missionUid } from "#test/integration/pipeline/chain-builder.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let nats: NatsServer;
let bus: Bus;

beforeEach(async () => {
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup);
}, 300_000);
afterEach(() => cleanup.run(), 60_000);

const observe = (options: Partial<FrameObserverOptions> = {}): { observer: FrameObserver; woken: string[] } => {
  const woken: string[] = [];
  const stopping = new AbortController();
  const observer = createFrameObserver({
    bus,
    clock: systemClock(),
    log: silentLog,
    needed: () => ({ from: 1 }),
    isKnown: () => true,
    onFrame: ({ envelope }) => woken.push(envelope.event_type),
    onCaughtUp: () => woken.push("caught up"),
    ...options,
  });
  const running = observer.run(stopping.signal);
  cleanup.add(async () => {
    stopping.abort(new Error("the test is over"));
    await running;
  });
  return { observer, woken };
};

const edit = { event_type: "STATE_CHANGE", payload: { file_modified: "src/auth.ts" } };
const agent = agentUid(1);

describe("the frame observer", () => {
  it("folds what was in the stream and what comes later, once", async () => {
    const chain = chainBuilder({ agent_uid: agent });
    await bus.publisher.publish(chain.take(20));
    const { observer, woken } = observe();
    await eventually("it has caught up", () => observer.health().healthy);
    expect(observer.mission(missionUid)?.usage.frames).toBe(20);
    await bus.publisher.publish([chain.next(edit)]);
    await eventually("the new frame is folded", () => observer.mission(missionUid)?.agents[agent]?.seq === 21);
    expect(observer.mission(missionUid)?.agents[agent]?.activity?.summary).toBe("Editing src/auth.ts");
    expect(woken.indexOf("caught up")).toBe(20);
    expect(woken).toHaveLength(22);
  });

  it("rebuilds the same fold from the first frame that a mission needs", async () => {
    const chain = chainBuilder({ agent_uid: agent });
    await bus.publisher.publish(chain.take(30));
    const first = observe().observer;
    const second = observe({ needed: () => ({ from: placeOf(1, 10) }) }).observer;
    await eventually("both have caught up", () => first.health().healthy && second.health().healthy);
    expect(second.mission(missionUid)).toMatchObject({ lastSeq: placeOf(1, 29), usage: { frames: 20 } });
    expect(first.mission(missionUid)).toMatchObject({ lastSeq: placeOf(1, 29), usage: { frames: 30 } });
  });

  it("says that nothing is recorded while NATS is away, and goes on where it was", async () => {
    const chain = chainBuilder({ agent_uid: agent });
    await bus.publisher.publish(chain.take(5));
    const { observer, woken } = observe();
    await eventually("it has caught up", () => observer.health().healthy);
    await nats.stop();
    await eventually("it says so", () => !observer.health().healthy);
    expect(observer.health()).toMatchObject({ message: expect.stringContaining("NATS"), position: placeOf(1, 4) });
    await nats.restart();
    await eventually("NATS is back", () => bus.connected());
    await bus.publisher.publish(chain.take(5));
    await eventually("the rest is folded", () => observer.mission(missionUid)?.usage.frames === 10);
    await eventually("it is well again", () => observer.health().healthy);
    expect(woken.filter((type) => type === "caught up")).toHaveLength(1);
  });

  it("tells for how long an agent was silent, and of nobody while it hears nothing at all", async () => {
    const chain = chainBuilder({ agent_uid: agent });
    let ahead = 0;
    const clock = { ...systemClock(), monotonicMs: () => systemClock().monotonicMs() + ahead };
    const { observer } = observe({ clock });
    const silent = (uid = agent): number => observer.silentMs(missionUid, uid);
    expect(silent()).toBe(0);
    await eventually("it has caught up", () => observer.health().healthy);
    await bus.publisher.publish(chain.take(2));
    await eventually("it is heard", () => observer.mission(missionUid)?.usage.frames === 2);
    ahead += 15_000;
    expect(silent()).toBeGreaterThanOrEqual(15_000);
    expect(silent(agentUid(7))).toBeGreaterThanOrEqual(15_000);
    await bus.publisher.publish(chain.take(1));
    await eventually("it is heard again", () => silent() < 15_000);
    expect(silent(agentUid(7))).toBeGreaterThanOrEqual(15_000);
    await nats.stop();
    await eventually("it hears nothing", () => !observer.health().healthy);
    expect(silent(agentUid(7))).toBe(0);
  });

  it("reads a stream that was made anew from its beginning, and forgets what only the old one held", async () => {
    await bus.publisher.publish(chainBuilder({ agent_uid: agent }).take(20));
    const { observer } = observe();
    await eventually("it has caught up", () => observer.mission(missionUid)?.usage.frames === 20);
    const connection = await connect({ servers: nats.url });
    cleanup.add(() => connection.close());
    await (await jetstreamManager(connection)).streams.delete(contextStream);
    await bus.ensureStreams({ replicas: 1 });
    await bus.publisher.publish(chainBuilder({ agent_uid: agentUid(2) }).take(4));
    await eventually("the new stream is folded", () => observer.mission(missionUid)?.usage.frames === 4);
    expect(Object.keys(observer.mission(missionUid)?.agents ?? {})).toEqual([agentUid(2)]);
    await eventually("it is well again", () => observer.health().healthy);
  });

  it("starts from the beginning of a stream that was made anew, however long it is by now", async () => {
    const others = chainBuilder({ agent_uid: agentUid(3), mission_uid: agentUid(900) });
    for (let n = 0; n < 3; n += 1) await bus.publisher.publish([others.next()]);
    const { stream, place, hash } = await bus.newest();
    const connection = await connect({ servers: nats.url });
    cleanup.add(() => connection.close());
    await (await jetstreamManager(connection)).streams.delete(contextStream);
    await bus.ensureStreams({ replicas: 1 });
    await bus.publisher.publish(chainBuilder({ agent_uid: agent }).take(10));
    const more = chainBuilder({ agent_uid: agentUid(4), mission_uid: agentUid(900) });
    for (let n = 0; n < 6; n += 1) await bus.publisher.publish([more.next()]);
    const { observer } = observe({ needed: () => ({ from: place + 1, after: { stream, place, hash } }) });
    await eventually("it has caught up", () => observer.health().healthy);
    expect(observer.mission(missionUid)?.usage.frames).toBe(10);
  });

  it("catches up where the last message is no chunk, and where the stream was purged", async () => {
    const connection = await connect({ servers: nats.url });
    cleanup.add(() => connection.close());
    await bus.publisher.publish(chainBuilder({ agent_uid: agent }).take(3));
    const carried = headers();
    carried.set("Enchanted-Count", "5");
    await jetstream(connection).publish("context.0.a.b.c.1.bulk", "{}", { headers: carried });
    const { observer } = observe();
    await eventually("it has caught up", () => observer.health().healthy);
    expect(observer.mission(missionUid)?.usage.frames).toBe(3);
    await (await jetstreamManager(connection)).streams.purge(contextStream);
    const second = observe();
    await eventually("another one has, too", () => second.observer.health().healthy);
  });

  it("forgets missions that are gone", async () => {
    let known = true;
    await bus.publisher.publish(chainBuilder({ agent_uid: agent }).take(3));
    const { observer } = observe({ isKnown: () => known });
    await eventually("it has caught up", () => observer.health().healthy);
    known = false;
    await eventually("the fold is gone", () => observer.mission(missionUid) === undefined);
  });
});
