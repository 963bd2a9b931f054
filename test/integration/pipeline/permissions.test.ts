import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { createBus, type Bus } from "#nervous-system/comms/nats/bus.ts";
import type { Delivered } from "#nervous-system/comms/nats/stream-position.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { signalFilter } from "#nervous-system/schemas/subjects.ts";
import { startNats, type NatsServer } from "#platform/stores/nats.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";
import { createCleanup, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";

const cleanup = createCleanup();
let nats: NatsServer;
let passwords: Record<string, string>;

type Rendered = { kind?: string; stringData?: Record<string, string>; data?: Record<string, string> };

/** NATS's configuration and its users' passwords as the chart renders them. */
const renderNats = async () => {
  const digest = `@sha256:${"0".repeat(64)}`;
  const images = ["operator", "pipeline", "scribe", "supervisor"].map(
    (name) => `images.${name}=r.example.org/${name}${digest}`,
  );
  const values = [...images, `defaults.agentImage=r.example.org/agent${digest}`].join(",");
  const args = [
    "template",
    "t",
    "charts/enchanted-swarm",
    "--namespace=enchanted-system",
    "--set",
    values,
    "--show-only",
    "templates/stores/nats.yaml",
  ];
  const { stdout } = await promisify(execFile)(await ensureTool("helm"), args);
  const documents = parseAllDocuments(stdout).map((document) => document.toJS() as Rendered | null);
  const of = (kind: string): Rendered => documents.find((found) => found?.kind === kind) ?? {};
  const passwords = of("Secret").stringData ?? {};
  return { passwords, configuration: of("ConfigMap").data?.["nats.conf"] ?? "" };
};

beforeAll(async () => {
  const rendered = await renderNats();
  const { configuration } = rendered;
  // One that would be a number to NATS, were it not quoted as the chart quotes it.
  passwords = { ...rendered.passwords, "siphon-password": "123e4" };
  nats = await startNats({
    dir: await temporaryDirectory(cleanup),
    configuration: configuration.slice(configuration.indexOf("accounts {")),
    env: Object.fromEntries(
      Object.entries(passwords).map(([key, value]) => [
        key.toUpperCase().replace("-PASSWORD", "_PASSWORD"),
        JSON.stringify(value),
      ]),
    ),
  });
  cleanup.add(() => nats.stop());
}, 600_000);
afterAll(() => cleanup.run());

const busOf = async (user: string): Promise<Bus> => {
  const bus = await createBus({
    servers: nats.url,
    name: user,
    user,
    password: passwords[`${user}-password`],
    log: silentLog,
    clock: systemClock(),
    random: Math.random,
    ids: randomIds(),
  });
  cleanup.add(() => bus.close());
  return bus;
};

const seqOf = ({ item }: Delivered): number => (item.kind === "frame" ? item.frame.envelope.seq : 0);
const readerLimits = { maxAckPending: 10, ackWaitMs: 60_000, prefetch: 10 };

describe("the chart's users of NATS", () => {
  it("may do all that their component does", async () => {
    const soon = AbortSignal.timeout(10_000);
    const collector = await busOf("collector");
    await collector.ensureStreams({ replicas: 1 });
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    for (let n = 0; n < 3; n += 1) await collector.publisher.publish([chain.next({ event_type: "MESSAGE" })]);
    expect(await collector.tail(agentUid(1), 1)).toMatchObject({ seq: 3 });
    await collector.deadLetters.put({
      refusedBy: "collector",
      namespace: "team-a",
      reason: "test",
      bytes: Buffer.from("{"),
      id: "1",
    });

    const siphon = await busOf("siphon");
    await siphon.ensureStreams({ replicas: 1 });
    expect(await siphon.streamCreated()).toMatch(/^20/);
    for (const [name, maxAckPending] of [
      ["ledger", 10],
      ["ledger", 20],
      ["archive", 10],
    ] as const) {
      const ledger = await siphon.openReader({
        name,
        from: 0,
        maxAckPending,
        ackWaitMs: 60_000,
        prefetch: { bytes: 1 << 20 },
      });
      expect(seqOf(await ledger.next(soon))).toBe(1);
      await ledger.ackThrough(512);
      expect(await ledger.pending()).toBe(2);
      expect(await siphon.holds({ stream: await siphon.streamCreated(), place: 512, hash: "" })).toBe(false);
      ledger.close();
    }

    // How the record's stores keep up.
    await siphon.partStates.put("siphon", { atMs: 1, sinks: [] });
    expect(await collector.partStates.read("siphon")).toMatchObject({ state: { atMs: 1, sinks: [] } });
    expect(await collector.partStates.read("auditor")).toBeUndefined();
    expect(await collector.readerProgress("ledger")).toEqual({ finished: 1, behind: 2 });
    expect(await collector.readerProgress("graph")).toBeUndefined();
    const poison = { refusedBy: "siphon-ledger", namespace: "team-a", agentUid: agentUid(1), id: "2" };
    await siphon.deadLetters.put({ ...poison, frame: { epoch: 1, seq: 2 }, reason: "bad", bytes: Buffer.from("{") });
    for (const namespace of ["team-a", undefined])
      expect(await collector.deadLetterHeads({ refusedBy: "siphon-ledger", namespace, most: 5 })).toMatchObject({
        count: 1,
        newest: [{ namespace: "team-a", agentUid: agentUid(1), frame: "1/2", reason: "bad" }],
      });
    const other = { refusedBy: "siphon-ledger", namespace: "team-b", most: 5 };
    expect(await collector.deadLetterHeads(other)).toEqual({ count: 0, newest: [] });

    // The settled mark, an external client's chain, spans and the inbox.
    const tail = await collector.tail(agentUid(1), 1);
    expect(await collector.settled({ agentUid: agentUid(1), epoch: 1, tail, sinks: ["ledger"] })).toBe(1);
    expect(await collector.chainOwner(agentUid(1))).toEqual({ kind: "swarm" });
    expect(await collector.blobBytes.add("team-a", "agents", 5)).toBe(5);
    expect(await collector.blobBytes.add("team-a", "agents", -2)).toBe(3);
    await collector.spans.put("team-a", Buffer.from("spans"));
    const [forwarded, done] = [Promise.withResolvers<string>(), new AbortController()];
    const send = (request: Buffer): Promise<void> => Promise.resolve(forwarded.resolve(request.toString()));
    const forwarding = collector.spans.forward({ name: "traces", send, onLost: () => {}, signal: done.signal });
    expect(await forwarded.promise).toBe("spans");
    done.abort();
    await forwarding;
    for await (const item of collector.follow({ filters: [signalFilter], signal: soon })) {
      expect(seqOf(item)).toBe(1);
      break;
    }

    const summarizer = await busOf("summarizer");
    const frames = await summarizer.openReader({ name: "summarizer", ...readerLimits });
    const first = await frames.next(soon);
    expect(seqOf(first)).toBe(1);
    await frames.ackThrough(512);
    frames.close();
    expect(await summarizer.newest()).toMatchObject({ place: 3 * 512 });
    expect(await summarizer.holds(first.mark)).toBe(true);

    const publisher = await busOf("publisher");
    const proposals = await publisher.openReader({ name: "publisher", filter: signalFilter, ...readerLimits });
    expect(seqOf(await proposals.next(soon))).toBe(1);
    await proposals.ackThrough(512);
    proposals.close();

    const trimmer = await busOf("trimmer");
    const state = await trimmer.streamState();
    expect(await trimmer.trim.watermarks(state)).toEqual(
      new Map([
        ["archive", 1],
        ["ledger", 1],
        ["publisher", 1],
        ["summarizer", 1],
      ]),
    );
    expect(await trimmer.trim.trim(state, { before: 2, storedBeforeMs: Infinity, bytes: Infinity })).toBe(1);
    expect(await collector.tail(agentUid(1), 1)).toMatchObject({ seq: 3 });
    expect(await collector.tail(agentUid(7), 1)).toMatchObject({ seq: 0 });

    const auditor = await busOf("auditor");
    expect(await auditor.trim.watermarks(await auditor.streamState())).toEqual(
      new Map([
        ["archive", 1],
        ["ledger", 1],
        ["publisher", 1],
        ["summarizer", 1],
      ]),
    );
    await auditor.partStates.put("auditor", { atMs: 2 });
    expect(await collector.partStates.read("auditor")).toMatchObject({ state: { atMs: 2 } });
    expect(await auditor.storedMs(1)).toBeUndefined();
    expect(await auditor.storedMs(2)).toBeGreaterThan(Date.parse("2020-01-01"));

    const operator = await busOf("operator");
    expect(await operator.newest()).toMatchObject({ place: 3 * 512 });
    const followed: number[] = [];
    for await (const item of operator.follow({ signal: soon })) {
      followed.push(seqOf(item));
      if (followed.length === 2) break;
    }
    expect(followed).toEqual([2, 3]);
  }, 60_000);

  it("may not write frames, nor read in another's place", async () => {
    const stranger = await busOf("siphon");
    const frames = chainBuilder({ agent_uid: agentUid(2) }).take(1);
    await expect(stranger.publisher.publish(frames)).rejects.toMatchObject({ name: "BusUnavailableError" });
    const all = { before: 2, storedBeforeMs: Infinity, bytes: Infinity };
    await expect(stranger.trim.trim(await stranger.streamState(), all)).rejects.toThrow(/permission|timeout/i);
    const auditor = await busOf("auditor");
    await expect(auditor.trim.trim(await auditor.streamState(), all)).rejects.toThrow(/permission|timeout/i);
    await expect(auditor.partStates.put("siphon", {})).rejects.toThrow(/permission|timeout/i);
    await expect(stranger.partStates.read("siphon")).rejects.toThrow(/permission|timeout/i);
    const place = await stranger.openReader({ name: "publisher", ...readerLimits });
    await expect(place.next(AbortSignal.timeout(1_500))).rejects.toMatchObject({ name: "TimeoutError" });
    place.close();
    expect(await (await busOf("collector")).tail(agentUid(2), 1)).toMatchObject({ seq: 0 });
  }, 60_000);
});
