import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { emptyMission, maxInterventions, maxOpenProposals, type MissionFold, type FoldInput } from "./state.ts";
import { reduceMission } from "./reduce.ts";
import { anAgent } from "#test/builders/agent.ts";
import { aFrame } from "#test/builders/frame.ts";

const uid = anAgent().metadata.uid;
const publisher = "00000000-0000-4000-8000-0000000000bb";
const gateway = "00000000-0000-4000-8000-0000000000aa";

const foldAll = (frames: readonly FoldInput[], from: MissionFold = emptyMission("m")): MissionFold =>
  frames.reduce(reduceMission, from);

/** A PROPOSAL of the attempt `epoch`, as the recorder numbers it and its agent calls it. */
const aProposal = (epoch: number, seq: number, event_id: string): FoldInput =>
  aFrame(100 * epoch + seq, { event_type: "PROPOSAL", epoch, seq, event_id });

/** The publisher's `n`th answer, to the proposal at `seq` of attempt `epoch`. */
const anAnswer = (n: number, [epoch, seq]: readonly [number, number], said: Record<string, unknown> = {}): FoldInput =>
  aFrame(
    1_000 + n,
    {
      event_type: "PUBLICATION",
      producer: "supervisor",
      agent_uid: publisher,
      seq: n,
      about: { agent_uid: uid, epoch },
    },
    { proposal_event_id: "whatever the agent called it", proposal_seq: seq, state: "open", ...said },
  );

const proposalsIn = (frames: readonly FoldInput[]) => foldAll(frames).agents[uid]?.proposals;

const attempt = [
  aFrame(1, { event_type: "LIFECYCLE", producer: "scribe" }, { phase: "Started", attempt: 1 }),
  aFrame(
    2,
    { event_type: "ACTION" },
    { tool: "read_file", arguments: { path: "src/auth.ts" }, ok: true, duration_ms: 1 },
  ),
  aFrame(
    3,
    { event_type: "MODEL_CALL", producer: "gateway", agent_uid: gateway, seq: 1, about: { agent_uid: uid, epoch: 1 } },
    { input_tokens: 100, output_tokens: 20 },
  ),
  aFrame(4, { event_type: "STATE_CHANGE", seq: 3 }, { file_modified: "src/auth.ts", new_state_hash: "tree" }),
  aFrame(5, { event_type: "PROPOSAL", seq: 4, event_id: "p1" }, { title: "Fix", head: "abc" }),
  aFrame(
    6,
    {
      event_type: "PUBLICATION",
      producer: "supervisor",
      agent_uid: publisher,
      seq: 1,
      about: { agent_uid: uid, epoch: 1 },
    },
    {
      proposal_event_id: "p1",
      proposal_seq: 4,
      state: "open",
      url: "https://f/1",
      number: 1,
      branch: "b",
      head: "def",
    },
  ),
];

describe("reduceMission", () => {
  it("keeps usage within the bounds of the status, whatever an endpoint says that it counted", () => {
    const call = (seq: number) =>
      aFrame(
        seq,
        { event_type: "MODEL_CALL", producer: "gateway", agent_uid: gateway, seq, about: { agent_uid: uid, epoch: 1 } },
        { input_tokens: Number.MAX_SAFE_INTEGER, output_tokens: Number.MAX_SAFE_INTEGER },
      );
    const fold = foldAll([call(1), call(2)]);
    for (const usage of [fold.usage, fold.agents[uid]?.usage])
      expect(usage).toMatchObject({ inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: Number.MAX_SAFE_INTEGER });
  });

  it("sums up what calls cost, exactly, and tells no cost where none had a price", () => {
    const call = (seq: number, cost?: number) =>
      aFrame(
        seq,
        {
          event_type: "MODEL_CALL",
          producer: "gateway",
          agent_uid: "00000000-0000-4000-8000-0000000000aa",
          seq,
          about: { agent_uid: uid, epoch: 1 },
        },
        { latency_ms: 1, ...(cost === undefined ? {} : { cost_nano_usd: cost }) },
      );
    expect(foldAll([call(1)]).usage).not.toHaveProperty("nanoUsd");
    const fold = foldAll([call(1), call(2, 100_000_001), call(3, 200_000_002), call(4)]);
    for (const usage of [fold.usage, fold.agents[uid]?.usage]) expect(usage).toMatchObject({ nanoUsd: 300_000_003 });
  });

  it("counts the gateway's model calls only: a pod's token may write one too", () => {
    const call = aFrame(1, { event_type: "MODEL_CALL", producer: "scribe" }, { input_tokens: 5, output_tokens: 5 });
    const fold = foldAll([call]);
    for (const usage of [fold.usage, fold.agents[uid]?.usage])
      expect(usage).toMatchObject({ frames: 1, modelCalls: 0, inputTokens: 0, outputTokens: 0 });
  });

  it("shows what a beat says, goes on with it while only its seconds differ, and lets one without words wipe nothing", () => {
    const beat = (seq: number, activity: string | undefined) =>
      aFrame(
        seq,
        { event_type: "HEARTBEAT", observed: `179542446000${seq}000000` },
        activity === undefined ? {} : { activity },
      );
    const waits = foldAll([attempt[1]!, beat(3, "waiting 2 s for the model: 429")]);
    expect(waits.agents[uid]?.activity?.summary).toBe("waiting 2 s for the model: 429");
    const later = foldAll([beat(4, undefined), beat(5, "waiting 19 s for the model: 429")], waits);
    expect(later.agents[uid]?.activity).toEqual(waits.agents[uid]?.activity);
    const other = foldAll([beat(6, "waiting 19 s for the model: 503")], later);
    expect(other.agents[uid]?.activity?.summary).toBe("waiting 19 s for the model: 503");
  });

  it("shows nothing of the last attempt once the next one writes", () => {
    const failed = aFrame(1, { event_type: "ERROR" }, { message: "ModelRateLimited", fatal: true });
    const next = aFrame(2, { event_type: "LIFECYCLE", producer: "scribe", epoch: 2, seq: 1 }, { phase: "Started" });
    expect(foldAll([failed]).agents[uid]?.activity?.summary).toBe("Error: ModelRateLimited");
    expect(foldAll([failed, next]).agents[uid]).toMatchObject({ epoch: 2, lastError: "ModelRateLimited" });
    expect(foldAll([failed, next]).agents[uid]).not.toHaveProperty("activity");
  });

  it("folds an attempt from its start to its pull request", () => {
    const fold = foldAll(attempt);
    expect(fold).toMatchObject({
      lastSeq: 6,
      usage: { frames: 6, modelCalls: 1, inputTokens: 100, outputTokens: 20 },
    });
    expect(fold.agents[uid]).toMatchObject({
      epoch: 1,
      seq: 4,
      usage: { frames: 6, modelCalls: 1 },
      proposals: {
        open: [],
        published: { epoch: 1, seq: 4, publication: { state: "open", url: "https://f/1", head: "def" } },
      },
      activity: { summary: "Proposing Fix", sinceMs: 1_795_424_460_000 },
    });
  });

  it("believes a PUBLICATION of nobody but the publisher", () => {
    const forged = (producer: "agent" | "gateway") =>
      aFrame(
        2,
        { event_type: "PUBLICATION", producer, about: { agent_uid: uid, epoch: 1 } },
        { proposal_event_id: "p1", proposal_seq: 1, state: "open", url: "https://evil/1" },
      );
    const proposal = aFrame(1, { event_type: "PROPOSAL", event_id: "p1" });
    for (const producer of ["agent", "gateway"] as const)
      expect(proposalsIn([proposal, forged(producer)])).toMatchObject({ open: [{ epoch: 1, seq: 1 }] });
  });

  it("lets late frames of an old attempt count, and move nothing", () => {
    const fold = foldAll([
      aFrame(1, { event_type: "ACTION", epoch: 2, seq: 1 }, { tool: "search", arguments: { query: "q" } }),
      aFrame(2, { event_type: "ACTION", epoch: 1, seq: 5 }, { tool: "git" }),
    ]);
    expect(fold.agents[uid]).toMatchObject({
      epoch: 2,
      seq: 1,
      activity: { summary: "Searching q" },
      usage: { frames: 2 },
    });
  });

  it("lets no junk between push out a proposal that waits for its answer", () => {
    const junk = Array.from({ length: 40 }, (_, i) => [
      aProposal(1, i + 2, "junk"),
      anAnswer(i + 1, [1, i + 2], { head: "verified" }),
    ]).flat();
    const before = proposalsIn([aProposal(1, 1, "evil"), ...junk]);
    expect(before).toMatchObject({ open: [{ epoch: 1, seq: 1 }], tooMany: false });
    const late = anAnswer(41, [1, 1], { head: "evil" });
    expect(proposalsIn([aProposal(1, 1, "evil"), ...junk, late])).toMatchObject({
      open: [],
      published: { seq: 41, publication: { head: "verified" } },
    });
  });

  it("answers one proposal alone of several that their agent calls by one id", () => {
    const proposals = [aProposal(1, 1, "p"), aProposal(1, 2, "p")];
    const answer = anAnswer(1, [1, 2], { proposal_event_id: "p" });
    expect(proposalsIn([...proposals, answer])?.open).toMatchObject([{ epoch: 1, seq: 1, eventId: "p" }]);
    const unnumbered = anAnswer(1, [1, 2], { proposal_event_id: "p", proposal_seq: undefined });
    expect(proposalsIn([...proposals, unnumbered])?.open).toHaveLength(2);
    expect(proposalsIn([aProposal(1, 2, "p"), unnumbered])).toMatchObject({ open: [], published: { seq: 2 } });
  });

  it("tells what a proposal that waits asks, by the digest of its very bytes, and its title on one plain line", () => {
    const said = {
      title: `Fix\n\u001b[31mit ${"x".repeat(300)}`,
      head: "a".repeat(40),
      files: [{ path: "a", change: "added" }],
    };
    const frame = aFrame(1, { event_type: "PROPOSAL", event_id: "p" }, said);
    const [open] = proposalsIn([frame])?.open ?? [];
    const argsDigest = `sha256:${createHash("sha256").update(frame.bytes).digest("hex")}`;
    expect(open).toMatchObject({ argsDigest, head: "a".repeat(40), files: 1 });
    expect(open?.title).toMatch(/^Fix it x+…$/);
    expect(open?.title).toHaveLength(200);
    expect(proposalsIn([aFrame(1, { event_type: "PROPOSAL" }, { ...said, head: "b" })])?.open[0]?.argsDigest).not.toBe(
      argsDigest,
    );
  });

  it("keeps a bounded number of proposals that wait, and says when there was one more", () => {
    const some = Array.from({ length: maxOpenProposals }, (_, i) => aProposal(1, i + 1, `p${i}`));
    expect(proposalsIn(some)).toMatchObject({ tooMany: false });
    const all = [...some, aProposal(1, 90, "more"), aProposal(2, 1, "later")];
    expect(proposalsIn(all)).toMatchObject({ tooMany: true, epoch: 2, open: some.map((_, i) => ({ seq: i + 1 })) });
  });

  it("takes what was pushed last for what the branch holds, in the agent's own order, also of a proposal that was not kept", () => {
    const proposals = [aProposal(1, 1, "a"), aProposal(1, 2, "b")];
    const answers = [anAnswer(1, [1, 2], { head: "b" }), anAnswer(2, [1, 1], { head: "a" })];
    expect(proposalsIn([...proposals, ...answers])?.published?.publication.head).toBe("b");
    expect(proposalsIn([anAnswer(1, [1, 7], { head: "c" })])?.published?.publication.head).toBe("c");
  });

  it("waits for what an older attempt has under way, and leaves out what comes late of it", () => {
    const fold = proposalsIn([aProposal(1, 1, "p0"), aProposal(2, 1, "p1"), aProposal(1, 2, "late")]);
    expect(fold).toMatchObject({
      epoch: 2,
      open: [
        { epoch: 1, seq: 1 },
        { epoch: 2, seq: 1 },
      ],
    });
  });

  it("tells proposals of two attempts apart, and lets no refusal of the older one count", () => {
    const stale = anAnswer(1, [1, 1], { state: "refused", reason: "StaleAttempt" });
    const both = [aProposal(1, 1, "p"), aProposal(2, 1, "p")];
    const after = proposalsIn([...both, stale]);
    expect(after).toMatchObject({ epoch: 2, open: [{ epoch: 2, seq: 1, eventId: "p" }], tooMany: false });
    expect(after).not.toHaveProperty("refused");
    expect(proposalsIn([both[0]!, stale, both[1]!])).toEqual(after);
    expect(proposalsIn([both[0]!, stale])?.refused?.publication.reason).toBe("StaleAttempt");
  });

  it("believes the first answer of a proposal that was answered again after a crash, unless its pull request was closed", () => {
    const answer = (n: number, said: Record<string, unknown>) => anAnswer(n, [1, 1], said);
    const again = [aProposal(1, 1, "p"), answer(1, {}), answer(2, { state: "refused", reason: "StaleAttempt" })];
    expect(proposalsIn(again)).toMatchObject({ published: { publication: { state: "open" } } });
    expect(proposalsIn(again)).not.toHaveProperty("refused");
    expect(proposalsIn([...again, answer(3, { state: "closed" })])?.refused?.publication.state).toBe("closed");
  });

  it("takes the closing of a pull request for a refusal only as long as nothing was pushed since", () => {
    const [first, second] = [aProposal(1, 1, "a"), aProposal(1, 2, "b")];
    const [opened, reopened] = [anAnswer(1, [1, 1], { head: "a" }), anAnswer(3, [1, 2], { head: "b" })];
    const closed = (n: number) => anAnswer(n, [1, 1], { state: "closed" });
    expect(proposalsIn([first, opened, closed(2)])?.refused?.seq).toBe(1);
    for (const frames of [
      [first, opened, closed(2), second, reopened],
      [first, opened, second, reopened, closed(4)],
    ]) {
      expect(proposalsIn(frames)?.published?.publication.head).toBe("b");
      expect(proposalsIn(frames)).not.toHaveProperty("refused");
    }
  });

  it("takes a refusal that only says that a later proposal is there for none", () => {
    const replaced = anAnswer(1, [1, 1], { state: "refused", reason: "Superseded" });
    expect(proposalsIn([aProposal(1, 1, "p"), replaced])).toEqual({ epoch: 1, open: [], tooMany: false });
  });

  it("takes no name of an agent for what every object has", () => {
    const fold = foldAll([aFrame(1, { event_type: "ACTION", agent_uid: "constructor" }, { tool: "git" })]);
    expect(fold.agents["constructor"]).toMatchObject({ seq: 1, usage: { frames: 1 } });
  });
});

const types = [
  "ACTION",
  "THOUGHT",
  "STATE_CHANGE",
  "PROPOSAL",
  "PUBLICATION",
  "MODEL_CALL",
  "LIFECYCLE",
  "ERROR",
  "NEWER_TYPE",
] as const;

const eventIds = ["p1", "p2", "p3", "__proto__", "constructor"] as const;
const member = fc.constantFrom("tool", "text", "phase", "head", "url", "input_tokens", "message", "title", "__proto__");
const payload = fc
  .tuple(
    fc.dictionary(member, fc.oneof(fc.jsonValue(), fc.constant("x".repeat(3_000)))),
    fc.record(
      {
        state: fc.constantFrom("open", "merged", "closed", "refused", "lost", 7),
        proposal_event_id: fc.constantFrom(...eventIds),
        proposal_seq: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant("7")),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([words, answer]) => ({ ...words, ...answer }));

/** Streams as JetStream gives them: strictly ordered within each chain, interleaved between chains. */
const streams = fc
  .array(
    fc.record({
      type: fc.constantFrom(...types),
      producer: fc.constantFrom("agent" as const, "supervisor" as const, "gateway" as const),
      epoch: fc.integer({ min: 1, max: 3 }),
      event_id: fc.constantFrom(...eventIds),
      payload,
    }),
    { maxLength: 60 },
  )
  .map((drawn) => {
    const last = new Map<string, number>();
    return drawn.map(({ type, producer, epoch, event_id, payload: said }, index) => {
      const chain = `${producer}/${epoch}`;
      const seq = (last.get(chain) ?? 0) + 1;
      last.set(chain, seq);
      const own = { supervisor: publisher, gateway };
      const other = producer === "agent" ? {} : { agent_uid: own[producer], about: { agent_uid: uid, epoch } };
      return aFrame(index + 1, { event_type: type, producer, epoch, seq, event_id, ...other }, said);
    });
  });

describe("the fold, for every stream", () => {
  it("does not depend on where batches are cut or where a rebuild overlaps", () => {
    fc.assert(
      fc.property(streams, fc.nat(), fc.nat(), (frames, a, b) => {
        const cut = frames.length === 0 ? 0 : a % (frames.length + 1);
        const overlap = cut === 0 ? 0 : b % (cut + 1);
        const whole = foldAll(frames);
        const resumed = foldAll(frames.slice(cut - overlap), foldAll(frames.slice(0, cut)));
        expect(resumed).toEqual(whole);
      }),
    );
  });

  it("is not changed by redelivery of anything, in any order", () => {
    fc.assert(
      fc.property(streams, fc.infiniteStream(fc.nat()), (frames, picks) => {
        const whole = foldAll(frames);
        const again = frames.length === 0 ? [] : [...picks.take(20)].map((n) => frames[n % frames.length]!);
        expect(foldAll(again, whole)).toEqual(whole);
      }),
    );
  });

  it("leaves the fold before as it was, and is small, whatever is written", () => {
    const frozen = (value: unknown): unknown => {
      if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
      return value;
    };
    fc.assert(
      fc.property(streams, (frames) => {
        const fold = frames.reduce(
          (before, frame) => reduceMission(frozen(before) as MissionFold, frame),
          emptyMission("m"),
        );
        expect(JSON.stringify(fold).length).toBeLessThan(64 * 1024);
      }),
    );
  });

  it("counts every frame once", () => {
    fc.assert(
      fc.property(streams, (frames) => {
        expect(foldAll([...frames, ...frames]).usage.frames).toBe(frames.length);
      }),
    );
  });
});

describe("the snapshots of an agent", () => {
  const manifest = (letter: string): string => `sha256:${letter.repeat(64)}`;
  const kept = (epoch: number, seq: number, said: Record<string, unknown>): FoldInput =>
    aFrame(100 * epoch + seq, { event_type: "SNAPSHOT", epoch, seq }, said);
  const snapshotIn = (frames: readonly FoldInput[]) => foldAll(frames).agents[uid]?.snapshot;

  it("are forgotten but for the last one of the newest attempt that kept any", () => {
    const [first, second] = [kept(1, 5, { manifest: manifest("a") }), kept(1, 9, { manifest: manifest("b") })];
    const later = aFrame(300, { event_type: "THOUGHT", epoch: 2, seq: 1 });
    expect(snapshotIn([first, second, later])).toEqual({ epoch: 1, seq: 9, manifest: manifest("b") });
    const third = kept(2, 4, { manifest: manifest("c") });
    expect(snapshotIn([first, third, second])).toEqual({ epoch: 2, seq: 4, manifest: manifest("c") });
  });

  it.each([{}, { manifest: "s3://b/1" }, { manifest: 7 }, { manifest: manifest("A") }])(
    "that say %j are none",
    (said) => {
      expect(snapshotIn([kept(1, 5, { manifest: manifest("a") }), kept(1, 6, said)])?.seq).toBe(5);
    },
  );
});

describe("what people did", () => {
  const operators = ["00000000-0000-4000-8000-0000000000cc", "00000000-0000-4000-8000-0000000000cd"] as const;
  const anAct = (n: number, id: string, more: Record<string, unknown> = {}): FoldInput =>
    aFrame(
      2_000 + n,
      { event_type: "INTERVENTION", producer: "operator", agent_uid: operators[0], seq: n, event_id: id, ...more },
      { kind: "Pause", by: "ann" },
    );

  it("is known by the place where it was told first, and by the operator's word alone", () => {
    const { interventions } = foldAll([
      anAct(1, "a"),
      anAct(1, "a", { agent_uid: operators[1] }),
      anAct(2, "b", { producer: "agent" }),
    ]);
    expect(interventions).toEqual({ a: anAct(1, "a").place });
  });

  it("is remembered of late", () => {
    const acts = Array.from({ length: maxInterventions + 9 }, (_, n) => anAct(n + 1, `act-${n}`));
    expect(Object.keys(foldAll(acts).interventions)).toEqual(acts.slice(9).map(({ envelope }) => envelope.event_id));
  });
});
