import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { PullRequest } from "#supervisor/forge/forge.ts";
import type { PublishedEnd } from "#supervisor/publish/publication-frame.ts";
import type { AskedRequest } from "./ask-request.ts";
import { runWatch, watchPublished } from "./run-watch.ts";
import { openWatchedRequests, type WatchBounds, type WatchedRequest } from "./watched-requests.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "enchanted-watched-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const envelopeOf = (namespace: string, number: number): WatchedRequest["answered"]["envelope"] => ({
  agent_uid: "a",
  epoch: 1,
  seq: 7,
  mission_uid: stableId("mission", String(number)),
  mission: "fix",
  namespace,
  lineage: 0,
  event_id: "p",
});
const published = (namespace: string, number: number, state: PullRequest["state"] = "open") => {
  const url = `https://${namespace}.example/o/r/pulls/${number}`;
  const pullRequest: PullRequest = { url, number, state, head: "c".repeat(40), title: "t" };
  const end: PublishedEnd = {
    kind: "ok",
    value: { pullRequest, branch: "swarm/x", commit: "c".repeat(40) },
    base: "b",
  };
  return { answered: { envelope: envelopeOf(namespace, number), hash: `${namespace}-${number}` }, end };
};

/** A watch at work; `says` is what the forge answers about a pull request, and `asked` which were asked about, and when. */
const startWatch = async (
  clock: ManualClock,
  says: (number: number, namespace: string) => AskedRequest,
  bounds?: WatchBounds,
) => {
  const requests = await openWatchedRequests(directory, bounds ?? { most: 100, mostOfNamespace: 50 }, silentLog);
  const written: ComponentEvent[] = [];
  const asked: Array<{ readonly url: string; readonly atMs: number }> = [];
  const stopping = new AbortController();
  const ended = runWatch(
    {
      requests,
      ask: ({ end, answered }) => {
        asked.push({ url: end.value.pullRequest.url, atMs: clock.monotonicMs() });
        return Promise.resolve(says(end.value.pullRequest.number, answered.envelope.namespace));
      },
      record: { write: (frame) => Promise.resolve(void written.push(frame)).then(() => "e") },
      clock,
      random: () => 0.5,
      log: silentLog,
      onNews: () => undefined,
    },
    stopping.signal,
  );
  const publish = (...given: Parameters<typeof published>): Promise<void> => {
    const { answered, end } = published(...given);
    return watchPublished({ requests, clock }, answered, end);
  };
  const stop = async (): Promise<void> => {
    stopping.abort(new Error("over"));
    await ended;
  };
  /** Lets time go by in steps in which files are written, too. */
  const pass = async (ms: number, step = minute): Promise<void> => {
    for (let left = ms; left > 0; left -= step) {
      await clock.advance(Math.min(step, left));
      // Until it sleeps again it is at work on its files.
      while (clock.pending() === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { requests, written, asked, publish, stop, pass };
};

const is = (state: PullRequest["state"], mergeCommit?: string): AskedRequest => ({
  kind: "ok",
  pullRequest: { url: "https://elsewhere.example/9", number: 9, state, head: "d".repeat(40), title: "x", mergeCommit },
});
const statesOf = (written: readonly ComponentEvent[]): unknown[] => written.map(({ payload }) => payload["state"]);

describe("the watch over pull requests", () => {
  it("tells once that one was merged, in the words of its publication, and asks no more", async () => {
    let answer = is("open");
    const watch = await startWatch(manualClock(), () => answer);
    await watch.publish("team-a", 3);
    await watch.pass(20 * minute);
    expect(watch.written).toEqual([]);
    answer = is("merged", "e".repeat(40));
    await watch.pass(day);
    const asks = watch.asked.length;
    await watch.pass(day);
    expect(watch.asked).toHaveLength(asks);
    expect(watch.written).toEqual([
      {
        eventType: "PUBLICATION",
        eventId: stableId("publication", "team-a-3", "merged"),
        parentEventId: "p",
        payload: {
          proposal_event_id: "p",
          proposal_seq: 7,
          url: "https://team-a.example/o/r/pulls/3",
          number: 3,
          branch: "swarm/x",
          head: "c".repeat(40),
          base: "b",
          merge_commit: "e".repeat(40),
          state: "merged",
        },
        subject: expect.objectContaining({ namespace: "team-a", about: { agent_uid: "a", epoch: 1 } }),
        trace: undefined,
      },
    ]);
    expect(await readdir(directory)).toEqual([]);
    await watch.stop();
  });

  it("goes on where an earlier process ended, and tells under the same id what that had told and not noted", async () => {
    const clock = manualClock();
    const first = await startWatch(clock, () => is("open"));
    await first.publish("team-a", 3);
    await first.stop();
    const note = await readdir(directory);
    const second = await startWatch(clock, () => is("closed"));
    await second.pass(20 * minute);
    await second.stop();
    // As it was before the closing was noted.
    const { answered, end } = published("team-a", 3);
    await writeFile(join(directory, note[0] ?? ""), JSON.stringify({ answered, end, sinceMs: clock.now() }));
    const third = await startWatch(clock, () => is("closed"));
    await third.pass(20 * minute);
    await third.stop();
    expect([...second.written, ...third.written].map(({ eventId }) => eventId)).toEqual(
      Array(2).fill(stableId("publication", "team-a-3", "closed")),
    );
  });

  it("tells of the proposal that was pushed last, whatever was asked about when it was", async () => {
    const clock = manualClock();
    let answering: (() => void) | undefined;
    const requests = await openWatchedRequests(directory, { most: 9, mostOfNamespace: 9 }, silentLog);
    const written: ComponentEvent[] = [];
    const stopping = new AbortController();
    const ended = runWatch(
      {
        requests,
        ask: () => new Promise((resolve) => (answering = () => resolve(is("merged")))),
        record: { write: (frame) => Promise.resolve(void written.push(frame)).then(() => "e") },
        clock,
        random: () => 0,
        log: silentLog,
        onNews: () => undefined,
      },
      stopping.signal,
    );
    const { answered, end } = published("team-a", 3);
    await watchPublished({ requests, clock }, answered, end);
    await clock.advance(2 * minute);
    const later = { ...answered, envelope: { ...answered.envelope, seq: 12, event_id: "p2" }, hash: "later" };
    await watchPublished({ requests, clock }, later, end);
    answering?.();
    await readdir(directory);
    await clock.advance(minute);
    stopping.abort(new Error("over"));
    await ended;
    expect(written.map(({ payload }) => payload["proposal_seq"])).toEqual([12]);
  });

  it("tells of a closed one once, and of its merge where it was opened again", async () => {
    let answer = is("closed");
    const watch = await startWatch(manualClock(), () => answer);
    await watch.publish("team-a", 3);
    await watch.pass(day);
    answer = is("open");
    await watch.pass(day);
    answer = is("merged");
    await watch.pass(day);
    expect(statesOf(watch.written)).toEqual(["closed", "merged"]);
    await watch.stop();
  });

  it("asks seldom and ever more seldom, and after ninety days no more", async () => {
    const watch = await startWatch(manualClock(), () => is("open"));
    await watch.publish("team-a", 3);
    const asksIn = async (ms: number, step?: number): Promise<number> => {
      const before = watch.asked.length;
      await watch.pass(ms, step);
      return watch.asked.length - before;
    };
    const hours = await asksIn(60 * minute);
    expect(hours).toBeGreaterThan(5);
    expect(hours).toBeLessThan(13);
    await watch.pass(29 * day, 60 * minute);
    expect(await asksIn(day)).toBe(4);
    await watch.pass(61 * day, 60 * minute);
    expect(await asksIn(day)).toBe(0);
    expect(watch.requests.all().size).toBe(0);
    await watch.stop();
  });

  it("leaves a forge alone that does not answer, as long as that asks for, and asks the others meanwhile", async () => {
    const away: AskedRequest = { kind: "later", message: "limited", isAway: true, afterMs: 45 * minute };
    const watch = await startWatch(manualClock(), (_, namespace) => (namespace === "down" ? away : is("open")));
    for (let n = 1; n <= 10; n += 1) await watch.publish("down", n);
    await watch.publish("up", 11);
    await watch.pass(90 * minute);
    const times = watch.asked.filter(({ url }) => url.includes("down")).map(({ atMs }) => atMs);
    expect(times.length).toBeLessThanOrEqual(3);
    expect(times.slice(1).every((at, n) => at - (times[n] ?? 0) >= 45 * minute)).toBe(true);
    expect(watch.asked.filter(({ url }) => url.includes("up")).length).toBeGreaterThan(5);
    await watch.stop();
  });

  it("asks less and less about one that cannot be asked about, and about the others of its forge as before", async () => {
    const refused: AskedRequest = { kind: "later", message: "404", isAway: false };
    const watch = await startWatch(manualClock(), (number) => (number === 1 ? refused : is("open")));
    await watch.publish("team-a", 1);
    await watch.publish("team-a", 2);
    await watch.pass(120 * minute);
    const about = (number: number): number => watch.asked.filter(({ url }) => url.endsWith(`/${number}`)).length;
    expect(about(1)).toBeLessThanOrEqual(5);
    expect(about(2)).toBeGreaterThan(10);
    await watch.stop();
  });

  it("asks one question at a time, of each namespace in its turn, two seconds apart", async () => {
    const watch = await startWatch(manualClock(), () => is("open"));
    for (let n = 1; n <= 40; n += 1) await watch.publish("many", n);
    await watch.publish("few", 41);
    await watch.pass(5 * minute, 1_000);
    const first = watch.asked.slice(0, 2).map(({ url }) => new URL(url).hostname);
    expect(first.toSorted()).toEqual(["few.example", "many.example"]);
    const gaps = watch.asked.slice(1).map(({ atMs }, n) => atMs - (watch.asked[n]?.atMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(2_000);
    await watch.stop();
  });

  it("watches none whose mission is gone, and none that was merged when it was published", async () => {
    const watch = await startWatch(manualClock(), () => ({ kind: "gone", message: "no such mission" }));
    await watch.publish("team-a", 1);
    await watch.publish("team-a", 2, "merged");
    expect(watch.requests.all().size).toBe(1);
    await watch.pass(20 * minute);
    expect([watch.asked.length, watch.requests.all().size]).toEqual([1, 0]);
    await watch.stop();
  });

  it("watches so many only, and lets go of the oldest of who has the most", async () => {
    const clock = manualClock();
    const watch = await startWatch(clock, () => is("open"), { most: 5, mostOfNamespace: 4 });
    for (let n = 1; n <= 5; n += 1) await watch.publish("many", n);
    await watch.publish("few", 6);
    await watch.publish("few", 7);
    const numbers = [...watch.requests.all().values()].map(({ end }) => end.value.pullRequest.number);
    expect(numbers).toEqual([3, 4, 5, 6, 7]);
    expect(await readdir(directory)).toHaveLength(5);
    await watch.stop();
  });

  it("passes over a note that cannot be read", async () => {
    await writeFile(join(directory, "broken.json"), "{");
    await writeFile(join(directory, "torn.json.part"), "{");
    const watch = await startWatch(manualClock(), () => is("open"));
    expect(watch.requests.all().size).toBe(0);
    expect(await readdir(directory)).toEqual([]);
    await watch.stop();
  });
});
