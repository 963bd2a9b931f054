import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import { endedMission } from "#test/builders/ended-mission.ts";
import { runVerdicts, type Verdicts } from "./run-verdicts.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "verdicts-"));
});
afterEach(() => rm(directory, { recursive: true }));

const met = { type: "Complete", reason: "CriteriaMet", message: "All hold." };

/** An informer that has these, and a run over it; `write` stands in for the record's. */
const startRun = (there: Mission[], write: (event: ComponentEvent) => Promise<string>) => {
  const handlers: Array<Parameters<Verdicts["missions"]["addHandler"]>[0]> = [];
  const stopping = new AbortController();
  const missions: Verdicts["missions"] = {
    synced: () => Promise.resolve(),
    list: () => there,
    addHandler: (handler) => {
      handlers.push(handler);
      for (const object of there) handler({ kind: "added", object });
    },
  };
  const ended = runVerdicts({ missions, directory, record: { write }, log: silentLog }, stopping.signal);
  return {
    ended,
    change: (object: Mission) => handlers.forEach((handle) => handle({ kind: "updated", object, previous: object })),
    stop: async () => {
      stopping.abort(new Error("stopped"));
      await ended;
    },
  };
};

/** Resolves with what was written once there are `count`. */
const collect = (count: number) => {
  const [events, enough]: [ComponentEvent[], PromiseWithResolvers<void>] = [[], Promise.withResolvers()];
  const write = (event: ComponentEvent): Promise<string> => {
    if (events.push(event) === count) enough.resolve();
    return Promise.resolve("");
  };
  return { events, write, enough: enough.promise };
};

const noted = async (count: number): Promise<string[]> => {
  for (;;) {
    const names = await readdir(directory);
    if (names.length >= count) return names;
    await new Promise((go) => setImmediate(go));
  }
};

describe("the ends of missions", () => {
  it("are recorded of those that have ended and of those that end, each once, over restarts too", async () => {
    const [first, second] = [endedMission(met, { uid: "u-1" }), endedMission(met, { uid: "u-2", name: "later" })];
    const { events, write, enough } = collect(2);
    const run = startRun([first], write);
    await noted(1);
    run.change(first);
    run.change({ ...second, status: {} });
    run.change(second);
    await enough;
    expect((await noted(2)).toSorted()).toEqual(["u-1", "u-2"]);
    await run.stop();
    expect(events.map(({ subject }) => subject.mission)).toEqual(["fix-bug", "later"]);
    const again = collect(1);
    const third = endedMission(met, { uid: "u-3", name: "third" });
    const restarted = startRun([first, second, third], again.write);
    await again.enough;
    await restarted.stop();
    expect(again.events.map(({ subject }) => subject.mission)).toEqual(["third"]);
  });

  it("are noted behind the record, so that a kill in between tells again under the same id", async () => {
    const mission = endedMission(met, { uid: "u-1" });
    const ids: unknown[] = [];
    const failing = startRun([mission], ({ eventId }) => {
      ids.push(eventId);
      return Promise.reject(new Error("killed"));
    });
    await expect(failing.ended).rejects.toThrow("killed");
    expect(await readdir(directory)).toEqual([]);
    const { events, write, enough } = collect(1);
    const run = startRun([mission], write);
    await enough;
    await run.stop();
    expect(events.map(({ eventId }) => eventId)).toEqual(ids);
  });

  it("forget missions that are gone", async () => {
    const { write, enough } = collect(1);
    const run = startRun([endedMission(met, { uid: "u-1" })], write);
    await enough;
    await noted(1);
    await run.stop();
    const empty = startRun([], write);
    while ((await readdir(directory)).length > 0) await new Promise((go) => setImmediate(go));
    await empty.stop();
  });
});
