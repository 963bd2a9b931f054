import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Processes } from "#nervous-system/recorder/wal/lock.ts";
import { countingIds } from "#nervous-system/schemas/ids.ts";
import { joinRuns, type Membership } from "./join-runs.ts";
import { worksIn } from "./note.ts";

let place: string;
let runs: string;
let alive: Set<string>;
let locks: Map<string, string>;
const ids = countingIds();
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "runs-"));
  runs = join(place, "state/runs");
  alive = new Set();
  locks = new Map();
});
afterEach(() => rm(place, { recursive: true }));

/** A process of a machine whose kernel keeps one lock a file; one that is not seen lives all the same. */
const processOf = (id: string, isSeen: boolean): Processes => ({
  self: () => id,
  isAlive: (other) => isSeen && alive.has(other),
  seize: (path) => {
    if (!existsSync(join(path, ".."))) throw new Error("no such directory");
    if (alive.has(locks.get(path) ?? "")) return undefined;
    locks.set(path, id);
    return () => locks.delete(path);
  },
});

type Run = { uid: string; membership: Membership; die(): void };
const begin = async (id: string, { isSeen = true, directories = [] as string[] } = {}): Promise<Run> => {
  alive.add(id);
  const uid = ids.next();
  const note = { agent_uid: uid, cwd: "/home/ann/project", record: `/home/ann/project/${id}.jsonl`, directories };
  const membership = await joinRuns({ runs, processes: processOf(id, isSeen) }, note);
  return { uid, membership, die: () => void alive.delete(id) };
};
const others = async ({ membership }: Run): Promise<string[]> =>
  (await membership.others()).map(({ record }) => record).toSorted();

describe.each([
  ["that see each other", true],
  ["in PID namespaces of their own", false],
])("runs %s", (_, isSeen) => {
  it("know of each other, whoever came first, and for once more when one has ended", async () => {
    const one = await begin("one", { isSeen });
    expect(await others(one)).toEqual([]);
    const two = await begin("two", { isSeen });
    expect(await others(one)).toEqual(["/home/ann/project/two.jsonl"]);
    expect(await others(two)).toEqual(["/home/ann/project/one.jsonl"]);
    const three = await begin("three", { isSeen });
    await two.membership.leave();
    two.die();
    three.die();
    expect(await others(one)).toEqual(["/home/ann/project/three.jsonl", "/home/ann/project/two.jsonl"]);
    expect(await others(one)).toEqual([]);
    await one.membership.leave();
    expect(await readdir(runs)).toEqual([three.uid]);
  });
});

describe("sweeping", () => {
  it("removes what the dead left, and nothing of the living or of anybody else", async () => {
    const paths = ["enchanted-0a1b2c3d", "enchanted-ffffffff", "precious"].map((name) => join(place, name));
    for (const path of paths) await mkdir(path);
    const [dead = "", living = "", precious = ""] = paths;
    const killed = await begin("killed", { directories: [join(place, "none/enchanted-0a1b2c3d"), dead, precious] });
    const apart = await begin("apart", { isSeen: false, directories: [living] });
    await mkdir(join(runs, ids.next())); // one that was killed before it said anything
    const inherited = join(place, "enchanted-00000000");
    await mkdir(inherited);
    const heir = await begin("heir", { directories: [inherited] });
    const bequeathed = await begin("bequeathed", { directories: [inherited] });
    for (const run of [killed, bequeathed]) run.die();
    const sweeper = await begin("sweeper");
    await sweeper.membership.sweep();
    expect((await readdir(place)).toSorted()).toEqual([
      "enchanted-00000000",
      "enchanted-ffffffff",
      "precious",
      "state",
    ]);
    expect((await readdir(runs)).toSorted()).toEqual([apart.uid, heir.uid, sweeper.uid].toSorted());
  });
});

describe("where no place can be had", () => {
  it.each(["file", "/proc/enchanted"])("a run knows of nobody: %s", async (at) => {
    await writeFile(join(place, "file"), "");
    runs = at === "file" ? join(place, "file/runs") : at;
    const run = await begin("one");
    await run.membership.sweep();
    expect(await others(run)).toEqual([]);
    await run.membership.leave();
  });
});

describe("whose changes may be seen in a work tree", () => {
  it.each([
    ["/r", true],
    ["/r/sub", true],
    ["/", true],
    ["/r2", false],
    ["/other/r", false],
  ])("those of a run in %s: %s", (cwd, is) => {
    expect(worksIn({ agent_uid: "", owner: "", cwd, record: "", directories: [] }, "/r")).toBe(is);
  });
});
