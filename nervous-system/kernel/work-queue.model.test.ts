import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { createKeyedBackoff } from "#nervous-system/kernel/backoff.ts";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { createWorkQueue, type WorkQueue } from "#nervous-system/kernel/work-queue.ts";

/** What the queue promises, kept by the dumbest possible means. */
type Model = {
  /** Keys that were added and since then not taken, in order of their turn; those at work wait outside. */
  ready: string[];
  dirtyAtWork: Set<string>;
  atWork: Set<string>;
  delayed: Map<string, number>;
  nowMs: number;
};
type Real = { queue: WorkQueue<string>; clock: ManualClock };
type Command = fc.AsyncCommand<Model, Real>;

const CAP_MS = 64;
const modelAdd = (model: Model, key: string): void => {
  if (model.atWork.has(key)) model.dirtyAtWork.add(key);
  else if (!model.ready.includes(key)) model.ready.push(key);
};
const command = (name: string, check: (m: Model) => boolean, run: (m: Model, r: Real) => Promise<void>): Command => ({
  check,
  run: async (model, real) => {
    await run(model, real);
    expect(real.queue.depth()).toBe(model.ready.length);
    expect(real.queue.runningMs()).toHaveLength(model.atWork.size);
  },
  toString: () => name,
});

const add = (key: string): Command =>
  command(
    `add ${key}`,
    () => true,
    async (model, { queue }) => {
      queue.add(key);
      modelAdd(model, key);
    },
  );
const addAfter = (key: string, ms: number): Command =>
  command(
    `add ${key} after ${ms}`,
    () => true,
    async (model, { queue }) => {
      queue.addAfter(key, ms);
      if (ms === 0) modelAdd(model, key);
      else model.delayed.set(key, Math.min(model.delayed.get(key) ?? Infinity, model.nowMs + ms));
    },
  );
const take = (): Command =>
  command(
    "take",
    (model) => model.ready.length > 0,
    async (model, { queue }) => {
      const key = await queue.get();
      expect(key).toBe(model.ready.shift());
      expect(model.atWork.has(String(key))).toBe(false);
      model.atWork.add(String(key));
    },
  );
const finish = (pick: number): Command =>
  command(
    `finish #${pick}`,
    (model) => model.atWork.size > 0,
    async (model, { queue }) => {
      const key = [...model.atWork][pick % model.atWork.size] ?? "";
      queue.done(key);
      model.atWork.delete(key);
      if (model.dirtyAtWork.delete(key)) model.ready.push(key);
    },
  );
const pass = (ms: number): Command =>
  command(
    `${ms} ms pass`,
    () => true,
    async (model, { clock }) => {
      await clock.advance(ms);
      model.nowMs += ms;
      const ripe = [...model.delayed].filter(([, due]) => due <= model.nowMs).toSorted((a, b) => a[1] - b[1]);
      for (const [key] of ripe) {
        model.delayed.delete(key);
        modelAdd(model, key);
      }
    },
  );

const key = fc.constantFrom("a", "b", "c", "d");
const commands = fc.commands(
  [
    key.map(add),
    // Distinct residues keep two keys from ripening in the same millisecond, where either order is right.
    fc.tuple(key, fc.nat(15)).map(([k, n]) => addAfter(k, n === 0 ? 0 : n * 4 + "abcd".indexOf(k))),
    fc.constant(take()),
    fc.nat(3).map(finish),
    fc.constant(pass(CAP_MS)),
    fc.constant(pass(4)),
  ],
  { maxCommands: 120 },
);

const setup = (): { model: Model; real: Real } => {
  const clock = manualClock();
  const backoff = createKeyedBackoff<string>({ baseMs: 1, capMs: CAP_MS, random: () => 0.5 });
  return {
    model: { ready: [], dirtyAtWork: new Set(), atWork: new Set(), delayed: new Map(), nowMs: 0 },
    real: { queue: createWorkQueue({ clock, backoff }), clock },
  };
};

describe("work queue against its model", () => {
  it("never gives one key to two workers, loses none, queues none twice, keeps the order", async () => {
    await fc.assert(
      fc.asyncProperty(commands, (run) => fc.asyncModelRun(setup, run)),
      { numRuns: 300 },
    );
  });

  it("works on every added key and then drains, whatever the interleaving of workers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(key, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (s, keys, workers) => {
          const { queue } = setup().real;
          const atWork = new Set<string>();
          const doneAfter = new Map<string, number>();
          const addedAt = new Map<string, number>();
          let tick = 0;
          const worker = async (): Promise<void> => {
            for (let k = await queue.get(); k !== undefined; k = await queue.get()) {
              expect(atWork.has(k)).toBe(false);
              atWork.add(k);
              const startedAt = (tick += 1);
              await s.schedule(Promise.resolve(), `work on ${k}`);
              atWork.delete(k);
              doneAfter.set(k, startedAt);
              queue.done(k);
            }
          };
          const producer = async (): Promise<void> => {
            for (const k of keys) {
              await s.schedule(Promise.resolve(), `add ${k}`);
              addedAt.set(k, (tick += 1));
              queue.add(k);
            }
            await queue.shutDown("drain");
          };
          const all = Promise.all([producer(), ...Array.from({ length: workers }, worker)]);
          await s.waitFor(all);
          // The last work on a key began after its last add: no change goes unseen.
          for (const [k, at] of addedAt) expect(doneAfter.get(k)).toBeGreaterThan(at);
        },
      ),
      { numRuns: 200 },
    );
  });
});
