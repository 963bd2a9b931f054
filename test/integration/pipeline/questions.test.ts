import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { noMission, stableId } from "#nervous-system/schemas/ids.ts";
import { ledgerQueries } from "#pipeline/reader/ledger/queries.ts";
import { makeCorpus, type Corpus, type Told } from "#test/builders/corpus.ts";
import { endsNamespace, learnedIn, missionEndFrames, missionEnds } from "#test/builders/mission-ends.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { openTestReader, writeFrames, type TestReader } from "./reader-harness.ts";

const cleanup = createCleanup();
let ledger: TestLedger;
let reader: TestReader;
let corpus: Corpus;
/** Where the stream that was made anew holds what the first one held, too. */
const newPlaces = new Map<string, number>();

/** The frames of the one namespace that is asked about, newest first. */
const told = (type?: string): Told[] =>
  corpus.told.filter((one) => one.namespace === "team-0" && (type === undefined || one.type === type)).toReversed();
const at = ({ atMs }: Told): string => new Date(atMs).toISOString().replace("Z", "000000Z");
const ids = (rows: ReadonlyArray<Record<string, unknown>>): unknown[] => rows.map((row) => row["event_id"]);
const idsOf = (frames: readonly Told[]): string[] => frames.map(({ eventId }) => eventId);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

beforeAll(async () => {
  ledger = await startTestLedger(cleanup);
  corpus = makeCorpus({ seed: 7, namespaces: 3, missions: 3, steps: 300 });
  await writeFrames(ledger, corpus.frames);
  // Every third frame once more, as scribes send what a stream lost: later, behind all other places.
  const again = corpus.frames.filter((_, n) => n % 3 === 0);
  const last = corpus.frames.length;
  const resent = again.map((frame, n) => ({
    ...frame,
    place: last + 1 + n,
    storedNs: frame.storedNs + 3_600_000_000_000n,
  }));
  for (const { envelope, place } of resent) newPlaces.set(envelope.event_id, place);
  await writeFrames(ledger, resent);
  await writeFrames(ledger, missionEndFrames(10_000_000));
  const ofNoMission = { agent_uid: agentUid(990), mission_uid: noMission, mission: "_", namespace: endsNamespace };
  const stored = { place: 30_000_000, storedNs: 1_763_701_174_000_000_000n };
  await writeFrames(ledger, [{ ...chainBuilder(ofNoMission).next(), ...stored }]);
  reader = openTestReader(ledger);
  cleanup.add(() => reader.store.close());
}, 600_000);
afterAll(() => cleanup.run());

const ask = async (name: string, parameters: Record<string, unknown> = {}, rows?: number) =>
  (await reader.ask("team-0", name, parameters, rows)).rows;

const sender = ({ payload, agent }: Told): string => text(payload["from"]) || agent;

describe("frames", () => {
  const placeOf = ({ eventId, place }: Told): number => newPlaces.get(eventId) ?? place;
  const hashesOf = (frames: readonly Told[]): unknown[] =>
    frames
      .toSorted((one, other) => placeOf(one) - placeOf(other))
      .map(({ eventId }) => corpus.frames.find(({ envelope }) => envelope.event_id === eventId)?.hash);
  const hashes = (rows: ReadonlyArray<Record<string, unknown>>): unknown[] => rows.map(({ hash }) => hash);

  it("are those of a mission as they were recorded, each once, in the order of recording", async () => {
    const expected = told().filter(({ mission }) => mission === "fix-1");
    const rows = await ask("frames", { mission: "fix-1" });
    expect(hashes(rows)).toEqual(hashesOf(expected));
    const byHash = new Map(corpus.frames.map((frame) => [frame.hash, frame]));
    for (const { hash, prev_hash: before, frame: bytes, envelope } of rows) {
      const frame = byHash.get(text(hash));
      expect([bytes, envelope, before]).toEqual([
        Buffer.from(frame!.bytes).toString(),
        frame!.envelopeText,
        frame!.prevHash,
      ]);
    }
    const middle = rows[Math.floor(rows.length / 2)]!;
    const rest = await ask("frames", { mission: "fix-1", after: middle["place"] }, 7);
    expect(hashes(rest)).toEqual(hashes(rows.slice(rows.indexOf(middle) + 1).slice(0, 7)));
  });

  it("are an agent's and those about it, by name or UID, of types and a part of time", async () => {
    const ofBen = new Set(told().flatMap(({ agent, agentUid }) => (agent === "ben" ? [agentUid] : [])));
    const isOfBen = ({ agentUid, about }: Told): boolean =>
      ofBen.has(agentUid) || (about !== undefined && ofBen.has(about.split("/")[0] ?? ""));
    const expected = told().filter(isOfBen);
    expect(expected.some(({ type }) => type === "MODEL_CALL")).toBe(true);
    expect(hashes(await ask("frames", { agent: "ben" }))).toEqual(hashesOf(expected));
    const [uid = ""] = ofBen;
    const own = expected.filter(({ agentUid, about }) => agentUid === uid || about?.startsWith(uid) === true);
    expect(hashes(await ask("frames", { agent: uid }))).toEqual(hashesOf(own));
    const some = own.filter(({ type, atMs }) => type === "ACTION" && atMs >= Date.parse("2026-11-30T03:02:00Z"));
    const asked = { agent: uid, types: "ACTION", from: "2026-11-30 03:02" };
    expect(hashes(await ask("frames", asked))).toEqual(hashesOf(some));
  });

  it("are those of a persona, by its name or by the digest of what it was told, its calls of models too", async () => {
    const expected = told().filter(({ persona }) => persona === "Reviewer");
    expect(expected).not.toEqual([]);
    expect(hashes(await ask("frames", { persona: "Reviewer" }))).toEqual(hashesOf(expected));
    const of = { namespace: "team-personas", mission: "reviewed", persona: "reviewer" };
    const [before, after] = ["a", "b"].map((digit) => `sha256:${digit.repeat(64)}`);
    const [old, now] = [before, after].map((persona_digest, n) =>
      chainBuilder({ ...of, ...(persona_digest && { persona_digest }), agent_uid: agentUid(993 + n) }).take(2),
    );
    const calls = chainBuilder({
      ...of,
      ...(after && { persona_digest: after }),
      producer: "gateway",
      recorder: "gateway",
      agent_uid: agentUid(995),
    });
    const frames = [...old!, ...now!, calls.next({ event_type: "MODEL_CALL", payload: { model: "m" } })];
    const stored = frames.map((frame, n) => ({ ...frame, place: 41_000_000 + n, storedNs: BigInt(n + 1) }));
    await writeFrames(ledger, stored);
    const asked = async (persona: string) => hashes((await reader.ask(of.namespace, "frames", { persona })).rows);
    expect(await asked("reviewer")).toEqual(frames.map(({ hash }) => hash));
    expect(await asked(String(after))).toEqual(frames.slice(2).map(({ hash }) => hash));
    expect(await asked("coder")).toEqual([]);
  });
});

describe("event", () => {
  it("names the blobs that no other frame names, though another has its event id", async () => {
    const [shared, own] = ["ab", "cd"].map((digit) => `sha256:${digit.repeat(32)}`);
    const of = { namespace: "team-blobs", mission: "same-id" };
    const owner = chainBuilder({ ...of, agent_uid: agentUid(991) });
    const other = chainBuilder({ ...of, agent_uid: agentUid(992) });
    const frames = [
      owner.next({ event_id: "same", event_type: "SNAPSHOT", payload: { manifest: shared } }),
      other.next({ event_id: "same", payload: { text: `I know of ${shared} and ${own}` } }),
      // Named twice in one frame, and stored twice, is named by one.
      owner.next({ event_id: "mine", payload: { text: `${own?.replace("cd", "ef")} ${own?.replace("cd", "ef")}` } }),
    ].map((frame, at) => ({ ...frame, place: 40_000_001 + at, storedNs: 1_763_701_174_000_000_000n }));
    await writeFrames(ledger, frames);
    await writeFrames(
      ledger,
      frames.slice(2).map((frame) => ({ ...frame, place: 40_000_100 })),
    );
    const blobs = async (event: string) =>
      (await reader.ask("team-blobs", "event", { event })).rows.map((row) => row["blobs"]);
    expect(await blobs("same")).toEqual([[], [own]]);
    expect(await blobs("mine")).toEqual([[own?.replace("cd", "ef")]]);
  });
});

describe("outcomes", () => {
  it("are what the weightiest and last frame says of each mission, a revert in another mission too", async () => {
    const { rows } = await reader.ask(endsNamespace, "outcomes");
    expect(rows.map(({ mission, outcome, outcome_from: from }) => [mission, outcome, from])).toEqual(
      Object.entries(missionEnds)
        .map(([mission, { outcome, from }]) => [mission, outcome, from])
        .toSorted(([one = ""], [other = ""]) => (one < other ? -1 : 1)),
    );
    const one = await reader.ask(endsNamespace, "outcomes", { mission: "was-closed" });
    expect(one.rows).toMatchObject([{ outcome: "failed", at: expect.stringMatching(/^2025-11-21T04:59:34\.\d{9}Z$/) }]);
    expect(one.rows[0]?.["event_id"]).not.toBe("");
    expect((await ask("outcomes")).map(({ outcome, at: when }) => [outcome, when])).toEqual(
      [...new Set(told().map(({ mission }) => mission))].map(() => ["unknown", null]),
    );
  });
});

describe("outcomes of a part of time", () => {
  const namespace = "team-late";
  const commit = "c".repeat(40);
  beforeAll(async () => {
    let place = 50_000_000;
    const on = (day: number, n: number, producer: "agent" | "supervisor", payload: Record<string, unknown>) => {
      const recorder = producer === "agent" ? ("scribe" as const) : producer;
      const of = { agent_uid: agentUid(300 + (place += 1)), namespace, mission: `late-${n}`, producer, recorder };
      const mission_uid = stableId("late", String(n));
      const observed = String(BigInt(Date.UTC(2026, 5, day, 12)) * 1_000_000n);
      const event_type = producer === "agent" ? "PROPOSAL" : "PUBLICATION";
      const frame = chainBuilder({ ...of, mission_uid }).next({ event_type, payload }, { observed });
      return { ...frame, place, storedNs: BigInt(place) };
    };
    await writeFrames(ledger, [
      on(10, 1, "supervisor", { state: "open", head: commit }),
      on(12, 2, "agent", { title: "Back", body: `This reverts commit ${commit}.` }),
      // The publisher asks a forge seldom, so a merge is told of later than somebody took it back.
      on(20, 1, "supervisor", { state: "merged", head: commit }),
      on(25, 3, "supervisor", { state: "open", head: "d".repeat(40) }),
    ]);
  });

  const outcomesOf = async (parameters: Record<string, unknown>, rows?: number): Promise<unknown[]> =>
    (await reader.ask(namespace, "outcomes", parameters, rows)).rows.map(({ mission, outcome }) => [mission, outcome]);

  it("are of missions of which something was recorded then, whenever they ended", async () => {
    const [first, second, third] = [
      ["late-1", "rolled back"],
      ["late-2", "unknown"],
      ["late-3", "unknown"],
    ];
    expect(await outcomesOf({})).toEqual([first, second, third]);
    expect(await outcomesOf({ to: "2026-06-11" })).toEqual([first]);
    expect(await outcomesOf({ from: "2026-06-11", to: "2026-06-13" })).toEqual([second]);
    expect(await outcomesOf({ from: "2026-06-13" })).toEqual([first, third]);
    expect(await outcomesOf({ from: "2026-07-01" })).toEqual([]);
    expect(await outcomesOf({}, 2)).toEqual([first, second]);
    expect(await outcomesOf({ mission: "late-1" })).toEqual([first]);
  });
});

describe("lessons", () => {
  it("are those that were recalled, with how their missions ended, and those that they are from", async () => {
    const { rows } = await reader.ask(endsNamespace, "lessons");
    const told = rows.map(({ mission, lesson, outcome }) => [mission, lesson, outcome].join("; "));
    expect(told.toSorted()).toEqual(
      Object.entries(missionEnds)
        .map(([mission, { outcome }]) => `${mission}; of ${mission}: wait for the lock; ${outcome}`)
        .toSorted(),
    );
    const { rows: some } = await reader.ask(endsNamespace, "lessons", { about: "LOCK is-merged" });
    expect(some).toMatchObject([{ mission: "is-merged", agent: "coder-1" }]);
    const from = rows.map((row) => [row["mission"], row["learned_in"], row["learned_outcome"]].join("; "));
    expect(from.toSorted()).toEqual(
      Object.keys(missionEnds)
        .map((mission) => [mission, learnedIn(mission), missionEnds[learnedIn(mission)]?.outcome].join("; "))
        .toSorted(),
    );
    const { rows: one } = await reader.ask(endsNamespace, "lessons", { mission: "is-merged" });
    const { outcome } = missionEnds[learnedIn("is-merged")] ?? {};
    expect(one).toMatchObject([{ learned_in: learnedIn("is-merged"), learned_outcome: outcome, outcome: "merged" }]);
  });
});

describe("conversations", () => {
  const between = (a: string, b: string): Told[] =>
    told("MESSAGE")
      .toReversed()
      .filter((one) => [sender(one), text(one.payload["to"])].toSorted().join() === [a, b].toSorted().join());

  it("are those of the two, whoever of them spoke, in the order of time", async () => {
    const rows = await ask("conversations", { a: "ada", b: "ben" });
    expect(ids(rows)).toEqual(idsOf(between("ada", "ben")));
    expect(rows.length).toBeGreaterThan(20);
    const [first] = between("ben", "ada") as [Told];
    expect(rows[0]).toMatchObject({
      at: at(first),
      sender: sender(first),
      text: first.payload["text"],
      channel: "review",
    });
  });

  it("are about words that all occur, between two times, of which the second does not count", async () => {
    const [from, to] = ["2026-11-30 03:02", "2026-11-30T03:30:00Z"];
    const expected = between("ada", "cleo").filter(
      ({ payload, atMs }) =>
        text(payload["text"]).includes("database schema") &&
        atMs >= Date.parse("2026-11-30T03:02:00Z") &&
        atMs < Date.parse(to),
    );
    expect(expected.length).toBeGreaterThan(1);
    expect(ids(await ask("conversations", { a: "cleo", b: "ada", about: "SCHEMA Database", from, to }))).toEqual(
      idsOf(expected),
    );
    const { atMs } = expected.at(-1) as Told;
    const until = await ask("conversations", {
      a: "cleo",
      b: "ada",
      about: "schema",
      from,
      to: new Date(atMs).toISOString(),
    });
    expect(ids(until)).toEqual(idsOf(expected.slice(0, -1)));
  });

  it("are all of one agent without another, and none about what nobody said", async () => {
    const ofAda = told("MESSAGE")
      .toReversed()
      .filter((one) => [sender(one), one.payload["to"]].includes("ada"));
    expect(ids(await ask("conversations", { a: "ada" }))).toEqual(idsOf(ofAda));
    expect(await ask("conversations", { a: "ada", about: "缓存 schema" })).toEqual([]);
    expect((await ask("conversations", { a: "ada", about: "NAÏVE 缓存" })).length).toBeGreaterThan(5);
  });
});

describe("decisions", () => {
  it("are all of an agent by name or UID, with what it rejected, the newest first", async () => {
    const expected = told("DECISION_RATIONALE").filter(({ agent }) => agent === "ben");
    const rows = await ask("decisions", { agent: "ben" });
    expect(ids(rows)).toEqual(idsOf(expected));
    const [newest] = expected as [Told];
    expect(rows[0]).toMatchObject({
      at: at(newest),
      reasoning: newest.payload["reasoning"],
      rejected: ["ask", "give 'up'"],
      confidence: newest.payload["confidence_score"] ?? null,
    });
    const own = expected.filter(({ agentUid }) => agentUid === newest.agentUid);
    expect(ids(await ask("decisions", { agent: newest.agentUid }))).toEqual(idsOf(own));
    expect(ids(await ask("decisions", { agent: "ben", mission: "fix-1", about: "retries" }))).toEqual(
      idsOf(
        expected.filter(
          ({ mission, payload }) => mission === "fix-1" && text(payload["reasoning"]).includes("Retries"),
        ),
      ),
    );
  });
});

describe("files", () => {
  const lastDecision = (change: Told): Told | undefined =>
    told("DECISION_RATIONALE").find(({ agentUid, atMs }) => agentUid === change.agentUid && atMs <= change.atMs);

  it("name who changed a file and the decision before, over a crash too", async () => {
    const expected = told("STATE_CHANGE").filter(({ payload }) => payload["file_modified"] === "src/login.ts");
    const rows = await ask("files", { file: "src/login.ts" });
    expect(ids(rows)).toEqual(idsOf(expected));
    expect(rows.map(({ why }) => why)).toEqual(expected.map((one) => lastDecision(one)?.payload["reasoning"] ?? ""));
    expect(rows.map(({ agent, persona, lines_added: added }) => [agent, persona, added])).toEqual(
      expected.map(({ agent, persona, payload }) => [agent, persona, payload["lines_added"]]),
    );
    expect(expected.some((one) => (lastDecision(one)?.epoch ?? one.epoch) < one.epoch)).toBe(true);
    expect(rows.filter(({ decided_at: decided }) => decided === null).length).toBe(
      expected.filter((one) => lastDecision(one) === undefined).length,
    );
  });

  it("tell no count that cannot be", async () => {
    const chain = chainBuilder({ namespace: "team-counts", agent_uid: agentUid(77) });
    const payload = { file_modified: "a.ts", change: "modified", lines_added: 1e20, lines_removed: 4_294_967_294 };
    const frame = chain.next({ event_type: "STATE_CHANGE", payload });
    await writeFrames(ledger, [{ ...frame, place: 20_000_000, storedNs: 1_763_701_174_000_000_000n }]);
    const { rows } = await reader.ask("team-counts", "files", { file: "a.ts" });
    expect(rows).toMatchObject([{ lines_added: 0, lines_removed: 4_294_967_294 }]);
  });

  it("read the words of those decisions alone that are answered, however wide the others are", async () => {
    const chain = chainBuilder({ namespace: "team-wide", agent_uid: agentUid(78) });
    const frames = Array.from({ length: 400 }, (_, n) => [
      chain.next({
        event_type: "DECISION_RATIONALE",
        payload: { reasoning: `${n} `.padEnd(250_000, `because of ${n} `) },
      }),
      chain.next({ event_type: "STATE_CHANGE", payload: { file_modified: "a.ts", change: "modified" } }),
    ]).flat();
    const stored = frames.map((frame, n) => ({ ...frame, place: 40_000_000 + n, storedNs: BigInt(n + 1) }));
    for (let from = 0; from < stored.length; from += 100) await writeFrames(ledger, stored.slice(from, from + 100));
    const narrow = openTestReader(ledger, 64 * 1024 * 1024);
    cleanup.add(() => narrow.store.close());
    const { rows } = await narrow.ask("team-wide", "files", { file: "a.ts" }, 5);
    expect(rows.map(({ why }) => text(why).slice(0, 4))).toEqual(["399 ", "398 ", "397 ", "396 ", "395 "]);
    expect(rows.map(({ why }) => text(why).length)).toEqual(rows.map(() => 250_000));
    await expect(narrow.ask("team-wide", "files", { file: "a.ts" }, 400)).rejects.toThrow(/too much of the ledger/);
  });

  it("are those below a folder, of one persona", async () => {
    const below = told("STATE_CHANGE").filter(
      ({ payload, persona }) => text(payload["file_modified"]).startsWith("src/db/") && persona === "Junior Coder",
    );
    expect(ids(await ask("files", { file: "src/db/", persona: "Junior Coder" }))).toEqual(idsOf(below));
    expect(await ask("files", { file: "src/db" })).toEqual([]);
  });
});

describe("resume", () => {
  const crewNames = ["ada", "ben", "cleo"];

  it("tells the end of each attempt, its last snapshot, and what nobody answered", async () => {
    const answered = new Set(told("INTERVENTION").map(({ payload }) => payload["request_id"]));
    const chains = new Map<string, Told>();
    for (const one of told())
      if (crewNames.includes(one.agent))
        chains.set(`${one.agentUid}/${one.epoch}`, chains.get(`${one.agentUid}/${one.epoch}`) ?? one);
    const expected = [...chains].map(([chain, last]) => {
      const kept = told("SNAPSHOT").find(({ payload }) => Object.hasOwn(payload["cut"] as object, chain));
      const open = told("REQUEST").filter(
        (one) => `${one.agentUid}/${one.epoch}` === chain && !answered.has(one.payload["request_id"]),
      );
      return {
        mission: last.mission,
        agent: last.agent,
        agent_uid: last.agentUid,
        epoch: last.epoch,
        last_seq: last.seq,
        last_at: at(last),
        last_type: last.type,
        snapshot_id: text(kept?.payload["snapshot_id"]),
        snapshot_seq: (kept?.payload["cut"] as Record<string, number> | undefined)?.[chain] ?? 0,
        snapshot_manifest: text(kept?.payload["manifest"]),
        open_requests: open.map(({ payload }) => text(payload["request_id"])).toSorted(),
      };
    });
    const rows = await ask("resume");
    expect(rows.map(({ last_text: _text, ...row }) => row)).toEqual(expected);
    expect(expected.some(({ open_requests: open }) => open.length > 0)).toBe(true);
    expect(expected.some(({ snapshot_seq: seq }) => seq > 0)).toBe(true);
    const ofBen = await ask("resume", { mission: "fix-2", agent: "ben" });
    expect(ofBen.map((row) => row["epoch"])).toEqual(
      expected.filter(({ mission, agent }) => mission === "fix-2" && agent === "ben").map(({ epoch }) => epoch),
    );
  });
});

describe("errors", () => {
  it("are errors and tools that failed, the newest first", async () => {
    const bad = told().filter(
      ({ type, payload }) => type === "ERROR" || (type === "ACTION" && payload["ok"] === false),
    );
    const rows = await ask("errors");
    expect(ids(rows)).toEqual(idsOf(bad));
    expect(rows.filter(({ fatal }) => fatal === true).length).toBe(
      bad.filter(({ payload }) => payload["fatal"]).length,
    );
    expect(ids(await ask("errors", { agent: "cleo", about: "cannot reach", mission: "fix-0" }))).toEqual(
      idsOf(bad.filter(({ agent, type, mission }) => agent === "cleo" && type === "ERROR" && mission === "fix-0")),
    );
  });
});

describe("mission", () => {
  const placeOf = ({ eventId, place }: Told): number => newPlaces.get(eventId) ?? place;

  it("is read page by page, each frame once, at the place that the stream holds it now", async () => {
    const expected = told()
      .filter((one) => one.mission === "fix-1")
      .toSorted((one, other) => placeOf(one) - placeOf(other));
    const pages: Array<Record<string, unknown>> = [];
    for (let after: unknown = 0; ; after = pages.at(-1)?.["place"]) {
      const page = await ask("mission", { mission: "fix-1", after: String(after) }, 100);
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(100);
      pages.push(...page);
    }
    expect(pages.map(({ place, event_id: id }) => [place, id])).toEqual(
      expected.map((one) => [placeOf(one), one.eventId]),
    );
    const types = await ask("mission", { mission: "fix-1", types: "ERROR,REQUEST", agent: "ada" });
    expect(ids(types)).toEqual(
      idsOf(expected.filter(({ type, agent }) => ["ERROR", "REQUEST"].includes(type) && agent === "ada")),
    );
  });
});

describe("model-usage", () => {
  it("adds up each call once, for the agent that it was about", async () => {
    const nameOf = new Map(corpus.told.map(({ agentUid, agent }) => [agentUid, agent]));
    const calls = told("MODEL_CALL").filter(({ mission }) => mission === "fix-0");
    const rows = await ask("model-usage", { mission: "fix-0" });
    const total = (column: string): number => rows.reduce((sum, row) => sum + Number(row[column]), 0);
    const sumOf = (member: string): number => calls.reduce((sum, { payload }) => sum + Number(payload[member]), 0);
    expect([total("calls"), total("input_tokens"), total("output_tokens"), total("failed")]).toEqual([
      calls.length,
      sumOf("input_tokens"),
      sumOf("output_tokens"),
      calls.filter(({ payload }) => payload["status"] === 529).length,
    ]);
    const ofAda = calls.filter(
      ({ about = "", payload }) => nameOf.get(about.split("/")[0] ?? "") === "ada" && payload["model"] === "small-1",
    );
    const [row] = await ask("model-usage", { mission: "fix-0", agent: "ada", model: "small-1" });
    expect(row).toMatchObject({
      agent: "ada",
      model: "small-1",
      calls: ofAda.length,
      first_at: at(ofAda.at(-1) as Told),
    });
  });
});

describe("every question", () => {
  const odd = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom("'", '"', "\\", "`", "{", "}", ":", ";", "-", "\n", "\t", "\0", "%", "𝄞", "é"),
      maxLength: 12,
    }),
    fc.constantFrom(
      "' OR 1 = 1 --",
      "') UNION ALL SELECT * --",
      "team-1",
      "{namespace:String}",
      "\\'",
      "\\",
      "[]",
      "['a']",
    ),
  );

  it.each(ledgerQueries.map(({ question }) => [question.name, question] as const))(
    "answers %s of its namespace alone, whatever its parameters hold",
    async (name, { parameters }) => {
      const others = new Set(
        corpus.told
          .filter(({ namespace }) => namespace !== "team-0")
          .map(({ eventId, agentUid }) => [eventId, agentUid])
          .flat(),
      );
      const given = fc.record(
        Object.fromEntries(
          Object.entries(parameters).flatMap(([one, { kind }]) =>
            kind === "text" || kind === "words" ? [[one, odd]] : [],
          ),
        ),
      );
      await fc.assert(
        fc.asyncProperty(given, async (values) => {
          const whole = Object.fromEntries(
            Object.entries(values).map(([one, value]) => [
              one,
              value === "" && parameters[one]?.required ? "'" : value.trim() === "" ? "x" : value,
            ]),
          );
          const { rows } = await reader.ask("team-0", name, whole).catch((error: Error) => {
            // What does not fit a parameter's bounds is said, and asks nothing.
            if (/^parameter ".*": give/.test(error.message)) return { rows: [] };
            throw error;
          });
          for (const row of rows) for (const value of Object.values(row)) expect(others.has(String(value))).toBe(false);
        }),
        { numRuns: 25, endOnFailure: true },
      );
      expect((await reader.ask("team-0' OR namespace != '", name, neededOf(parameters))).rows).toEqual([]);
    },
    120_000,
  );

  it("answers at most as many rows as were asked for, and says what was read", async () => {
    const { rows, rowsRead } = await reader.ask("team-0", "errors", {}, 3);
    expect(rows.length).toBe(3);
    expect(rowsRead).toBeGreaterThan(3);
  });
});

const neededOf = (parameters: Readonly<Record<string, { required?: true }>>): Record<string, string> =>
  Object.fromEntries(Object.entries(parameters).flatMap(([one, { required }]) => (required ? [[one, "ada"]] : [])));
