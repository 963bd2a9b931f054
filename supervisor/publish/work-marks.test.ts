import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { answerUntilEnd, type Answering } from "#supervisor/publish/answer-until-end.ts";
import { createFairSlots } from "#nervous-system/kernel/fair-slots.ts";
import { createRefusedAttempts } from "#supervisor/publish/refused-attempts.ts";
import { refuse } from "#supervisor/publish/proposal.ts";
import { openWorkMarks } from "#supervisor/publish/work-marks.ts";

let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), "work-marks-")), "at-work");
});
afterEach(() => rm(join(directory, ".."), { recursive: true }));

const frameOf = (name: string): StoredFrame =>
  ({ hash: name, envelope: { namespace: name, agent_uid: name, event_id: name, mission: "m" } }) as StoredFrame;

const nothing = (): Promise<void> => Promise.resolve();

type Answer = Answering["answer"];
const ended: Answer = () => Promise.resolve(refuse("ForgeRefused", "answered"));

/** A publisher's life, until everything that it is given ended or it is killed; answers with how what ended did. */
const live = async (
  names: readonly string[],
  answer: Answer,
  killed: Promise<unknown> = new Promise(() => undefined),
): Promise<ReadonlyMap<string, string>> => {
  const answering: Answering = {
    answer,
    slots: createFairSlots(3),
    refused: createRefusedAttempts(100),
    marks: await openWorkMarks(directory),
    clock: { monotonicMs: () => 0, sleep: () => new Promise((resolve) => void setImmediate(resolve)) },
    random: () => 0,
    log: silentLog,
    giveUpAfterMs: 60_000,
    onRetry: () => undefined,
  };
  const ends = new Map<string, string>();
  const all = names.map(async (name) => {
    const end = await answerUntilEnd(answering, frameOf(name), nothing, new AbortController().signal);
    ends.set(name, end.kind === "ok" ? "ok" : end.reason);
  });
  await Promise.race([Promise.all(all), killed]);
  return ends;
};

/** A life that ends when so many pieces of the named work have begun, which never end. */
const liveUntilAtWork = (names: readonly string[], deadly: readonly string[]) => {
  const killed = Promise.withResolvers<void>();
  const begun = new Set<string>();
  const answer: Answer = (frame, signal) => {
    if (!deadly.includes(frame.hash)) return ended(frame, signal);
    begun.add(frame.hash);
    if (begun.size === deadly.length) killed.resolve();
    return new Promise(() => undefined);
  };
  return live(names, answer, killed.promise);
};

describe("a proposal that kills the publisher", () => {
  it("is refused at the third time, and what was at work beside it is answered", async () => {
    // In its first life both are at work, and nobody knows which of them it died of.
    await liveUntilAtWork(["poison", "beside"], ["poison", "beside"]);
    expect((await readdir(directory)).toSorted()).toEqual(["beside", "poison"]);
    for (let life = 2; life <= 3; life += 1) {
      const ends = await liveUntilAtWork(["poison", "other"], ["poison"]);
      expect(ends).toEqual(new Map([["other", "ForgeRefused"]]));
    }
    const last = await live(["poison", "beside"], ended);
    expect(last.get("poison")).toBe("PublisherKilled");
    expect(last.get("beside")).toBe("ForgeRefused");
  });

  it("is tried as often as it likes while it ends", async () => {
    for (let life = 0; life < 5; life += 1) expect((await live(["a"], ended)).get("a")).toBe("ForgeRefused");
    expect(await readdir(directory)).toEqual([]);
  });

  it("is not what was told to stop, or failed: only what nobody could end counts", async () => {
    const failing: Answer = () => Promise.reject(new Error("failed"));
    await expect(live(["a"], failing)).rejects.toThrow("failed");
    expect(await readdir(directory)).toEqual([]);
  });
});

describe("work marks", () => {
  it("count a kill of which nothing could be written", async () => {
    await openWorkMarks(directory);
    await writeFile(join(directory, "a"), "");
    expect((await openWorkMarks(directory)).kills("a")).toBe(1);
  });
});
