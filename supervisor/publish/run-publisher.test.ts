import { describe, expect, it } from "@jest/globals";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { ParkedProposals } from "#supervisor/publish/parked-proposals.ts";
import { awaitPerson, refuse, retry, type Retryable } from "#supervisor/publish/proposal.ts";
import type { PublicationEnd } from "#supervisor/publish/publication-frame.ts";
import type { WorkMarks } from "#supervisor/publish/work-marks.ts";
import { runPublisher } from "#supervisor/publish/run-publisher.ts";

const envelope = {
  agent_uid: "a",
  epoch: 1,
  mission_uid: "m",
  mission: "fix",
  namespace: "n",
  lineage: 0,
  event_id: "e",
};
const frame = { place: 512, envelope, hash: "c".repeat(64) } as unknown as StoredFrame;

const marks: WorkMarks = { kills: () => 0, begin: () => Promise.resolve(), end: () => Promise.resolve() };
/** No room for what waits: it waits in the stream. */
const parked: ParkedProposals = {
  left: [],
  has: () => false,
  keep: () => Promise.resolve(false),
  drop: () => Promise.resolve(),
};

/** Runs a publisher on one proposal that is answered so, in turn; answers the pauses between, in milliseconds. */
const pausesBetween = async (...answers: ReadonlyArray<PublicationEnd | Retryable>): Promise<readonly number[]> => {
  const stopping = new AbortController();
  const pauses: number[] = [];
  let nowMs = 0;
  const left = [...answers];
  let taken = false;
  const stopped = new Promise<never>((_, reject) =>
    stopping.signal.addEventListener("abort", () => reject(stopping.signal.reason as Error)),
  );
  await runPublisher(
    {
      reader: {
        next: () => {
          if (taken) return stopped;
          taken = true;
          return Promise.resolve({ item: { kind: "frame", frame } } as never);
        },
        ackThrough: () => Promise.resolve(stopping.abort(new Error("done"))),
      },
      answer: () => Promise.resolve(left.shift() ?? refuse("ForgeRefused", "no more answers")),
      marks,
      parked,
      record: { write: () => Promise.resolve("e") },
      clock: {
        now: () => 0,
        monotonicMs: () => nowMs,
        sleep: (ms: number) => {
          pauses.push(ms);
          nowMs += ms;
          return Promise.resolve();
        },
      } as never,
      random: () => 0,
      log: silentLog,
      concurrency: 2,
      mostOpen: 2,
      mostOfAgent: 100,
      mostOfNamespace: 100,
      mostRefused: 100,
      giveUpAfterMs: 120_000,
      onEnd: () => undefined,
      onPublished: () => Promise.resolve(),
      onRetry: () => undefined,
    },
    stopping.signal,
  );
  return pauses;
};

describe("a proposal that has to wait", () => {
  it("waits as long as the forge asks, and never shorter than by its own backoff", async () => {
    const end = refuse("ForgeRefused", "no");
    expect(await pausesBetween({ ...retry("limited"), afterMs: 90_000 }, end)).toEqual([90_000]);
    expect(await pausesBetween({ ...retry("limited"), afterMs: 1 }, retry("away"), end)).toEqual([1_000, 1_000]);
  });

  it("waits for a person for as long as that takes, asks again soon, and is tried for its full time afterwards", async () => {
    const asked = Array.from({ length: 200 }, () => awaitPerson("a person has to approve"));
    const end = refuse("ForgeRefused", "no");
    const pauses = await pausesBetween(...asked, { ...retry("limited"), afterMs: 100_000 }, end);
    expect(pauses).toEqual([...asked.map(() => 1_000), 100_000]);
  });

  it("is refused at once where it would wait for longer than it is tried", async () => {
    expect(await pausesBetween({ ...retry("limited"), afterMs: 120_001 })).toEqual([]);
  });

  it("holds up no other, is acknowledged in its place, and waits with so many others only", async () => {
    const stopping = new AbortController();
    const never = () =>
      new Promise<never>((_, reject) =>
        stopping.signal.addEventListener("abort", () => reject(stopping.signal.reason as Error)),
      );
    const took: number[] = [];
    const acknowledged: number[] = [];
    const ended: string[] = [];
    const sleepers: Array<() => void> = [];
    // Every third is another tenant's, whose forge answers.
    const isLimited = (place: number): boolean => place % 3 !== 0;
    const end = refuse("ForgeRefused", "answered");
    let limited = true;
    await runPublisher(
      {
        reader: {
          next: () => {
            const place = took.length + 1;
            if (place > 9) return never();
            took.push(place);
            return Promise.resolve({ item: { kind: "frame", frame: { ...frame, place } } } as never);
          },
          ackThrough: (place) => {
            acknowledged.push(place);
            return place === 9 ? Promise.resolve(stopping.abort(new Error("done"))) : Promise.resolve();
          },
        },
        answer: ({ place }) => Promise.resolve(limited && isLimited(place) ? retry("limited") : end),
        marks,
        parked,
        record: { write: () => Promise.resolve("e") },
        clock: {
          now: () => 0,
          monotonicMs: () => 0,
          sleep: () => {
            const slept = new Promise<void>((resolve) => sleepers.push(resolve));
            if (sleepers.length === 6) {
              expect({ took, acknowledged, ended }).toEqual({
                took: [1, 2, 3, 4, 5, 6, 7, 8],
                acknowledged: [],
                ended: ["ForgeRefused", "ForgeRefused"],
              });
              limited = false;
              for (const wake of sleepers) wake();
            }
            return Promise.race([slept, never()]);
          },
        } as never,
        random: () => 0,
        log: silentLog,
        concurrency: 1,
        mostOpen: 6,
        mostOfAgent: 100,
        mostOfNamespace: 100,
        mostRefused: 100,
        giveUpAfterMs: 60_000,
        onEnd: (ending) => ended.push(ending.kind === "ok" ? "ok" : ending.reason),
        onPublished: () => Promise.resolve(),
        onRetry: () => undefined,
      },
      stopping.signal,
    );
    expect(acknowledged).toEqual(acknowledged.toSorted((a, b) => a - b));
  });
});

describe("an agent that floods the stream", () => {
  it("has so many proposals open, one more is refused at once, and another tenant's is answered", async () => {
    const stopping = new AbortController();
    const stopped = new Promise<never>((_, reject) =>
      stopping.signal.addEventListener("abort", () => reject(stopping.signal.reason as Error)),
    );
    const ended: string[] = [];
    const flood = Array.from({ length: 6 }, (_, n) => ({ place: n + 1, namespace: "n", agent_uid: "loud" }));
    const left = [...flood, { place: 7, namespace: "n", agent_uid: "same tenant" }]
      .concat({ place: 8, namespace: "n", agent_uid: "one too many of the tenant" })
      .concat({ place: 9, namespace: "other", agent_uid: "quiet" });
    const running = runPublisher(
      {
        reader: {
          next: () => {
            const one = left.shift();
            if (one === undefined) return stopped;
            const { place, ...owner } = one;
            const item = { ...frame, place, envelope: { ...envelope, ...owner } };
            return Promise.resolve({ item: { kind: "frame", frame: item } } as never);
          },
          ackThrough: () => Promise.resolve(),
        },
        answer: ({ envelope: { namespace } }) =>
          namespace === "other" ? Promise.resolve(refuse("ForgeRefused", "answered")) : stopped,
        marks,
        parked,
        record: { write: () => Promise.resolve("e") },
        clock: { now: () => 0, monotonicMs: () => 0, sleep: () => stopped } as never,
        random: () => 0,
        log: silentLog,
        concurrency: 2,
        mostOpen: 100,
        mostOfAgent: 4,
        mostOfNamespace: 5,
        mostRefused: 100,
        giveUpAfterMs: 60_000,
        onEnd: (end) => {
          ended.push(end.kind === "ok" ? "ok" : end.reason);
          if (ended.length === 4) stopping.abort(new Error("done"));
        },
        onPublished: () => Promise.resolve(),
        onRetry: () => undefined,
      },
      stopping.signal,
    );
    await running;
    expect(ended.toSorted()).toEqual(["ForgeRefused", "TooManyProposals", "TooManyProposals", "TooManyProposals"]);
  });
});
