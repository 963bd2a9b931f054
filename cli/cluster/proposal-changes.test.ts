import { describe, expect, it } from "@jest/globals";
import type { PlacedFrame } from "#nervous-system/codecs/parquet/frame-columns.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { proposalsIn } from "./proposal-changes.ts";

const uid = agentUid(1);
const of = { namespace: "team", mission: "fix", mission_uid: agentUid(9), agent_uid: uid };
const placed = (frames: readonly object[]): PlacedFrame[] =>
  frames.map((frame, n) => ({ ...frame, place: n + 1, storedNs: 1n })) as PlacedFrame[];

const change = (file_modified: string, before: string, after: string, patch = `${before}>${after}`) => ({
  event_type: "STATE_CHANGE",
  payload: { file_modified, change: "modified", old_state_hash: before, new_state_hash: after, patch, lines_added: 1 },
});
const proposal = (title: string, ...paths: string[]) => ({
  event_type: "PROPOSAL",
  agent_id: "fix-coder",
  payload: { title, base: "b", head: "h", files: paths.map((path) => ({ path, change: "modified" })) },
});
const patchesOf = (frames: PlacedFrame[]): Array<Array<string | undefined>> =>
  (proposalsIn(frames)[0]?.files ?? []).map(({ changes }) => changes.map(({ patch }) => patch));

describe("proposalsIn", () => {
  it("tells an agent's last proposal, with the changes of each of its files in order", () => {
    const chain = chainBuilder(of);
    const frames = placed([
      chain.next(change("a.js", "t0", "t1")),
      chain.next(proposal("First", "a.js")),
      chain.next(change("b.js", "t1", "t2")),
      chain.next(change("a.js", "t2", "t3")),
      chain.next(proposal("Second", "a.js", "b.js")),
      chain.next(change("a.js", "t3", "t4")),
    ]);
    expect(proposalsIn(frames)).toMatchObject([
      { agent: "fix-coder", title: "Second", base: "b", head: "h", state: "" },
    ]);
    expect(patchesOf(frames)).toEqual([["t0>t1", "t2>t3"], ["t1>t2"]]);
  });

  it("leaves out what an attempt changed that the next one did not go on from, and keeps what it did", () => {
    const [first, second] = [chainBuilder({ ...of, epoch: 1 }), chainBuilder({ ...of, epoch: 2 })];
    const lost = first.next(change("a.js", "t0", "lost"));
    const anew = second.next(change("a.js", "t0", "t1"));
    expect(patchesOf(placed([lost, anew, second.next(proposal("Fix", "a.js"))]))).toEqual([["t0>t1"]]);
    const [before, after] = [chainBuilder({ ...of, epoch: 1 }), chainBuilder({ ...of, epoch: 2 })];
    const kept = before.next(change("a.js", "t0", "t1"));
    const on = after.next(change("a.js", "t1", "t2"));
    expect(patchesOf(placed([kept, on, after.next(proposal("Fix", "a.js"))]))).toEqual([["t0>t1", "t1>t2"]]);
  });

  it("takes a change without trees for one of its attempt", () => {
    const chain = chainBuilder(of);
    const bare = { event_type: "STATE_CHANGE", payload: { file_modified: "a.js", patch: "+x" } };
    expect(patchesOf(placed([chain.next(bare), chain.next(bare), chain.next(proposal("Fix", "a.js"))]))).toEqual([
      ["+x", "+x"],
    ]);
  });

  it("tells what became of it, by the publisher alone, and of the last mission of that name", () => {
    const chain = chainBuilder(of);
    const by = (producer: "supervisor" | "agent") =>
      chainBuilder({
        ...of,
        agent_uid: agentUid(5),
        producer,
        recorder: "scribe",
        about: { agent_uid: uid, epoch: 1 },
      });
    const answer = (state: string) => ({
      event_type: "PUBLICATION",
      payload: { proposal_event_id: "p", proposal_seq: 1, state, url: "https://forge.example.org/pulls/1" },
    });
    const other = chainBuilder({ ...of, mission_uid: agentUid(8) }).next(proposal("Of another mission"));
    const frames = placed([
      other,
      chain.next(proposal("Fix", "a.js")),
      by("supervisor").next(answer("open")),
      by("agent").next(answer("merged")),
    ]);
    expect(proposalsIn(frames)).toMatchObject([
      { title: "Fix", state: "open", url: "https://forge.example.org/pulls/1" },
    ]);
  });
});
