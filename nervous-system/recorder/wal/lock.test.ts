import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { createSimulatedDisk } from "#test/simulation/simulated-disk.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { createKernelLock } from "./kernel-lock.ts";
import { takeLock, type Processes } from "./lock.ts";
import { createNodeProcesses } from "./node-processes.ts";

const PATH = "/log/lock";
type Pick = (n: number) => number;
/** Whether rivals see each other, or each is in a PID namespace of its own and has the kernel's lock. */
type Sight = "seen" | "apart";
type Rival = {
  readonly id: string;
  fate: "wants" | "holds" | "refused" | "dead";
  /** Its next step, and the step number before which it does not make it unless nobody else can. */
  next: { readonly run: () => void; readonly rests: number } | undefined;
};

/** Processes that want one lock, each stopped before every step that it takes on the disk. */
class Race {
  readonly rivals: Rival[] = [];
  readonly disk = createSimulatedDisk();
  private readonly sight: Sight;
  private seized: Rival | undefined;
  private steps = 0;

  constructor(sight: Sight = "seen") {
    this.sight = sight;
  }

  /** What is there before; `undefined` for nothing. */
  async lay(content: string | undefined, path = PATH): Promise<void> {
    if (content !== undefined) await (await this.disk.mount().create(path)).write(Buffer.from(content), 0);
  }

  enter(id: string): void {
    const rival: Rival = { id, fate: "wants", next: undefined };
    this.rivals.push(rival);
    const step = (rests: number): Promise<void> =>
      new Promise((run) => (rival.next = { run, rests: this.steps + rests }));
    const processes: Processes =
      this.sight === "seen"
        ? { self: () => id, isAlive: (other) => this.isAlive(other) }
        : { self: () => id, isAlive: (other) => other === id, seize: () => this.seize(rival) };
    const clock = { sleep: () => step(1) };
    takeLock({ disk: this.stepping(() => step(0)), directory: "/log", processes, clock }).then(
      () => (rival.fate = "holds"),
      (error: { code?: unknown }) => {
        expect(error.code).toBe("WAL_LOCKED");
        rival.fate = "refused";
      },
    );
  }

  /** Whoever is picked makes its next step, until nobody has one. */
  async run(pick: Pick): Promise<void> {
    for (;;) {
      await new Promise(setImmediate);
      expect(this.rivals.filter(({ fate }) => fate === "holds").length).toBeLessThanOrEqual(1);
      const able = this.rivals.filter(({ next }) => next !== undefined);
      const rested = able.filter(({ next }) => (next?.rests ?? 0) <= this.steps);
      const among = rested.length > 0 ? rested : able;
      const rival = among[pick(among.length - 1)];
      if (rival === undefined) return;
      const { next } = rival;
      rival.next = undefined;
      this.steps += 1;
      next?.run();
    }
  }

  kill(rival: Rival | undefined): void {
    if (rival !== undefined) Object.assign(rival, { fate: "dead", next: undefined });
  }

  fates(): string[] {
    return this.rivals.map(({ fate }) => fate);
  }

  private seize(rival: Rival): (() => void) | undefined {
    if (this.seized !== undefined && this.seized.fate !== "dead") return undefined;
    this.seized = rival;
    return () => (this.seized = undefined);
  }

  private isAlive(id: string): boolean {
    return this.rivals.some((rival) => rival.id === id && rival.fate !== "dead");
  }

  private stepping(step: () => Promise<void>): Disk {
    const disk = this.disk.mount();
    const fileOf = (file: DiskFile): DiskFile => ({
      ...file,
      read: (position, length) => step().then(() => file.read(position, length)),
      write: (data, position) => step().then(() => file.write(data, position)),
    });
    return {
      ...disk,
      list: (directory) => step().then(() => disk.list(directory)),
      create: (path) =>
        step()
          .then(() => disk.create(path))
          .then(fileOf),
      open: (path) =>
        step()
          .then(() => disk.open(path))
          .then(fileOf),
      rename: (from, to) => step().then(() => disk.rename(from, to)),
      unlink: (path) => step().then(() => disk.unlink(path)),
    };
  }
}

/** Every order of steps, one after the other: depth first, by the last choice that had another one left. */
const everyOrder = async (play: (pick: Pick) => Promise<void>): Promise<number> => {
  let plan: Array<{ chosen: number; most: number }> = [];
  for (let played = 1; ; played += 1) {
    let at = 0;
    await play((most) => {
      plan[at] ??= { chosen: 0, most };
      at += 1;
      return plan[at - 1]?.chosen ?? 0;
    });
    plan = plan.slice(0, plan.findLastIndex(({ chosen, most }) => chosen < most) + 1);
    const last = plan.at(-1);
    if (last === undefined) return played;
    last.chosen += 1;
  }
};

const before: ReadonlyArray<readonly [string, string | undefined]> = [
  ["nothing", undefined],
  ["a dead owner's lock", "dead"],
  ["a lock whose owner died before it wrote its name", ""],
];

describe("the lock, step by step", () => {
  it.each(before)("goes to exactly one of two in every order of their steps, with %s there", async (_what, content) => {
    const orders = await everyOrder(async (pick) => {
      const race = new Race();
      await race.lay(content);
      for (const id of ["1/a", "2/b"]) race.enter(id);
      await race.run(pick);
      expect(race.fates().toSorted()).toEqual(["holds", "refused"]);
      expect(race.disk.paths()).toEqual([PATH]);
    });
    expect(orders).toBeGreaterThan(50);
  });

  it("goes to exactly one of many, whoever sleeps when, and to nobody while its owner lives", async () => {
    const schedule = fc.infiniteStream(fc.nat());
    await fc.assert(
      fc.asyncProperty(
        schedule,
        fc.integer({ min: 3, max: 6 }),
        fc.constantFrom(...before),
        async (picks, count, [, content]) => {
          const pick: Pick = (most) => (picks.next().value as number) % (most + 1);
          const race = new Race();
          await race.lay(content);
          for (let n = 0; n < count; n += 1) race.enter(`${n}/x`);
          await race.run(pick);
          expect(race.fates().filter((fate) => fate === "holds")).toHaveLength(1);
          race.enter("9/late");
          await race.run(pick);
          expect(race.fates().at(-1)).toBe("refused");
          expect(race.disk.paths()).toEqual([PATH]);
        },
      ),
      { numRuns: 500 },
    );
  });

  const sights: Sight[] = ["seen", "apart"];
  it.each(sights)("is never held by two of them, %s, that die at any step, and is free afterwards", async (sight) => {
    const schedule = fc.infiniteStream(fc.nat());
    await fc.assert(
      fc.asyncProperty(schedule, fc.integer({ min: 2, max: 5 }), async (picks, count) => {
        const race = new Race(sight);
        await race.lay("dead");
        for (let n = 0; n < count; n += 1) race.enter(`${n}/x`);
        await race.run((most) => {
          const random = picks.next().value as number;
          if (random % 10 === 0) race.kill(race.rivals[random % count]);
          return random % (most + 1);
        });
        for (const rival of race.rivals) race.kill(rival);
        race.enter("9/late");
        await race.run(() => 0);
        expect(race.fates().at(-1)).toBe("holds");
        expect(race.disk.paths()).toEqual([PATH]);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["lives is not dead", ["holds", "refused"]],
    ["died at any step is", ["dead", "holds"]],
  ])("an owner of another PID namespace that %s", async (_what, fates) => {
    const orders = await everyOrder(async (pick) => {
      const race = new Race("apart");
      race.enter("1/a");
      let before = pick(8);
      const meet = (): void => {
        if (fates[0] === "dead") race.kill(race.rivals[0]);
        race.enter("2/b");
      };
      await race.run((most) => {
        if (before === 0) meet();
        before -= 1;
        return pick(most);
      });
      if (race.rivals.length === 1) meet();
      await race.run(pick);
      expect(race.fates()).toEqual(fates);
      expect(race.disk.paths()).toEqual([PATH]);
    });
    expect(orders).toBeGreaterThan(8);
  });

  it("is given back by whoever has it, and by nobody else", async () => {
    const disk = createSimulatedDisk();
    let seized = 0;
    const seize = (): (() => void) => {
      seized += 1;
      return () => (seized -= 1);
    };
    const processes = { self: () => "1", isAlive: (id: string) => id === "2", seize };
    const take = (): Promise<() => Promise<void>> =>
      takeLock({ disk: disk.mount(), directory: "/log", processes, clock: { sleep: () => Promise.resolve() } });
    const unlock = await take();
    await disk.mount().unlink(PATH);
    await (await disk.mount().create(PATH)).write(Buffer.from("2"), 0);
    await unlock();
    expect(disk.paths()).toEqual([PATH]);
    expect(seized).toBe(0);
    await expect(take()).rejects.toMatchObject({ code: "WAL_LOCKED", message: expect.stringContaining("process 2 ") });
    expect(seized).toBe(0);
  });

  it("is free when its claimant found the disk full, and is taken over there", async () => {
    const disk = createSimulatedDisk();
    const alive = new Set(["1"]);
    const processes = { self: () => "1", isAlive: (id: string) => alive.has(id) };
    const take = (): Promise<() => Promise<void>> =>
      takeLock({ disk: disk.mount(), directory: "/log", processes, clock: { sleep: () => Promise.resolve() } });
    disk.capacityBytes = 0;
    await expect(take()).rejects.toMatchObject({ code: "ENOSPC" });
    expect(disk.paths()).toEqual([]);
    disk.capacityBytes = 1;
    const unlock = await take();
    // A process that dies now leaves its lock, and no room for another one beside it.
    await expect(take()).rejects.toMatchObject({ code: "WAL_LOCKED" });
    alive.clear();
    await take();
    await unlock();
    expect(disk.paths()).toEqual([]);
  });
});

describe("the machine's processes", () => {
  it("counts one as dead that only its parent has not asked for", async () => {
    const parent = spawn("sh", ["-c", "exec 3<&0; (read _ <&3) & echo $!; exec sleep 60"]);
    const [pid] = String((await once(parent.stdout, "data"))[0]).split("\n");
    const about = (file: string): string => readFileSync(`/proc/${file}`, "utf8");
    const stat = (): string[] => about(`${pid}/stat`).split(" ");
    // From now on it asks for no child.
    while (about(`${parent.pid}/comm`) !== "sleep\n") await new Promise(setImmediate);
    parent.stdin.end("go\n");
    while (stat()[2] !== "Z") await new Promise(setImmediate);
    const processes = createNodeProcesses();
    const boot = processes.self().split("/").at(-1);
    expect(processes.isAlive(processes.self())).toBe(true);
    expect(processes.isAlive(`${pid}/${stat()[21]}/${boot}`)).toBe(false);
    parent.kill("SIGKILL");
    await once(parent, "exit");
  });
});

describe("the kernel's lock", () => {
  const seize = createKernelLock(process.getBuiltinModule("node:sqlite"));
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "kernel-lock-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("is one's, also within a process, until it is released, and takes no room", () => {
    const path = join(directory, "a");
    const release = seize(path);
    expect(release).toBeDefined();
    expect(readdirSync(directory)).toEqual(["a"]);
    expect(statSync(path).size).toBe(0);
    expect(seize(path)).toBeUndefined();
    seize(join(directory, "b"))?.();
    expect(seize(path)).toBeUndefined();
    release?.();
    seize(path)?.();
  });

  it("says which file cannot be locked", () => {
    expect(() => seize(join(directory, "none", "a"))).toThrow(/none\/a cannot be locked: /);
  });
});
