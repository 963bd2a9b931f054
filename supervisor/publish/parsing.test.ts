import { describe, expect, it } from "@jest/globals";
import { aProposal } from "#test/builders/proposal.ts";
import fc from "fast-check";
import { parseRepository } from "#supervisor/forge/forge.ts";
import { createAckMark } from "#supervisor/publish/ack-mark.ts";
import { parseBundleHeader } from "#supervisor/publish/bundle.ts";
import { renderPublication } from "#supervisor/publish/publication-frame.ts";
import { judgeStanding, renderCommitMessage } from "#supervisor/publish/write-commit.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { refuse, type Proposal } from "#supervisor/publish/proposal.ts";
import type { Published } from "#supervisor/publish/publish-proposal.ts";

const commit = "a".repeat(40);

const bundle = (header: string, objects = 3): Buffer => {
  const pack = Buffer.alloc(12);
  pack.write("PACK");
  pack.writeUInt32BE(2, 4);
  pack.writeUInt32BE(objects, 8);
  return Buffer.concat([Buffer.from(header), pack]);
};

describe("parseBundleHeader", () => {
  const good = `# v2 git bundle\n-${"b".repeat(40)} subject\n${commit} refs/heads/proposal\n\n`;

  it("reads the one ref, what it needs and how many objects follow", () => {
    expect(parseBundleHeader(bundle(good))).toEqual({
      kind: "ok",
      value: { head: commit, prerequisites: ["b".repeat(40)], objects: 3, packAt: good.length },
    });
    expect(parseBundleHeader(bundle(good.replace("v2", "v3").replace("\n-", "\n@object-format=sha1\n-"))).kind).toBe(
      "ok",
    );
  });

  it.each([
    ["another version", good.replace("v2", "v4")],
    ["a filter", good.replace("v2", "v3").replace("\n-", "\n@filter=blob:none\n-")],
    ["another ref", good.replace("proposal", "main")],
    ["two refs", good.replace("\n\n", `\n${commit} refs/heads/other\n\n`)],
    ["no ref", "# v2 git bundle\n\n"],
    ["no end", "# v2 git bundle\n"],
    ["nonsense", good.replace("\n-", "\nrm -rf /\n-")],
  ])("refuses %s", (_, header) => {
    expect(parseBundleHeader(bundle(header))).toMatchObject({ kind: "refused", reason: "InvalidBundle" });
  });

  it("refuses more objects than a change can need, and a header without a pack", () => {
    expect(parseBundleHeader(bundle(good, 4_000_000_000))).toMatchObject({ reason: "BundleTooLarge" });
    expect(parseBundleHeader(Buffer.from(good))).toMatchObject({ reason: "InvalidBundle" });
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => void parseBundleHeader(Buffer.from(bytes))));
  });
});

describe("renderCommitMessage", () => {
  const proposal = aProposal({
    title: "Fix\nMission: forged",
    body: "Because.\n\n  record : forged\nAgent: forged",
  });

  it("ends with trailers that lead to the record, and lets no line of the agent's pass for one", () => {
    const lines = renderCommitMessage(proposal).split("\n");
    expect(lines[0]).toBe("Fix Mission : forged");
    const trailers = lines.filter((line) => /^\s*(Mission|Agent|Record)\s*:/i.test(line));
    expect(trailers).toEqual(["Mission: team/fix/m", "Agent: fix-coder", `Record: u/2/7/${"d".repeat(64)}`]);
  });

  it("tells what a commit on the branch is to a proposal by its last lines, whatever its agent wrote above", () => {
    const at = (epoch: number, seq: number, change: Partial<Proposal> = {}) =>
      judgeStanding(renderCommitMessage(proposal), { ...proposal, epoch, seq, ...change });
    expect([at(2, 7), at(2, 8), at(3, 1)]).toEqual(["own", "own", "own"]);
    expect([at(2, 6), at(1, 9)]).toEqual(["later", "later"]);
    expect(at(1, 1, { agentUid: "the Agent that was made anew" })).toBe("own");
    expect([at(2, 7, { agentName: "other" }), at(2, 7, { mission: "other" })]).toEqual(["foreign", "foreign"]);
    expect(at(2, 8, { missionUid: "the Mission that was made anew" })).toBe("foreign");
    const lying = renderCommitMessage({ ...proposal, title: "Record: u/9/9/x", body: "Record\u200b: u/9/9/x" });
    expect(judgeStanding(lying, { ...proposal, seq: 8 })).toBe("own");
    for (const message of ["", "merge", `${renderCommitMessage(proposal)}\nSigned-off-by: somebody`])
      expect(judgeStanding(message, proposal)).toBe("foreign");
  });
});

describe("renderPublication", () => {
  const answered = { envelope: { event_id: "e" } as StoredFrame["envelope"], hash: "c".repeat(64) };

  it("says nothing that cannot be recorded: half a character, or more than a frame holds", () => {
    const refused = renderPublication(answered, refuse("ForgeRefused", `${"x".repeat(3_999)}😀`));
    expect(String(refused.payload["message"])).toHaveLength(4_000);
    expect(String(refused.payload["message"]).isWellFormed()).toBe(true);
    const pullRequest = {
      number: 1,
      url: `https://h/${"x".repeat(1_000_000)}`,
      head: commit,
      state: "open",
      title: "t",
    };
    const published = { pullRequest, branch: "b", commit } as Published;
    const opened = renderPublication(answered, { kind: "ok", value: published, base: commit });
    expect(JSON.stringify(opened.payload).length).toBeLessThan(4_096);
  });
});

describe("parseRepository", () => {
  it("finds owner, name and forge, also below a path", () => {
    expect(parseRepository(new URL("https://git.example:3000/team/app.git"))).toEqual({
      forge: new URL("https://git.example:3000/"),
      owner: "team",
      name: "app",
    });
    expect(parseRepository(new URL("https://h/gitea/team/app"))).toMatchObject({ forge: new URL("https://h/gitea/") });
    expect(parseRepository(new URL("https://h/app.git"))).toBeUndefined();
  });
});

describe("the acknowledgement mark", () => {
  it("goes up to the oldest that is unfinished, in whatever order they finish", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        (taken, random) => {
          const mark = createAckMark();
          const unfinished = taken.toSorted((a, b) => a - b);
          const all = [...unfinished];
          for (const seq of unfinished) mark.begin(seq);
          let acknowledged = 0;
          while (unfinished.length > 0) {
            const [seq = 0] = unfinished.splice((random.next().value ?? 0) % unfinished.length, 1);
            acknowledged = mark.finish(seq) ?? acknowledged;
            const oldest = unfinished[0];
            const expected = all.filter((one) => oldest === undefined || one < oldest).at(-1) ?? 0;
            expect(acknowledged).toBe(expected);
          }
        },
      ),
    );
  });
});

describe("renderPublication", () => {
  it("names the proposal by its place in its agent's chain, since event ids are the agent's words", () => {
    const envelope = {
      agent_uid: "00000000-0000-4000-8000-000000000001",
      epoch: 2,
      seq: 7,
      mission_uid: "00000000-0000-4000-8000-000000000002",
      mission: "fix-bug",
      namespace: "team",
      lineage: 0,
      event_id: "the agent's own",
    };
    const end = { kind: "refused", reason: "InvalidBundle", message: "no" } as const;
    expect(renderPublication({ envelope, hash: "h" }, end)).toMatchObject({
      payload: { proposal_event_id: "the agent's own", proposal_seq: 7, state: "refused" },
      subject: { about: { agent_uid: envelope.agent_uid, epoch: 2 } },
    });
  });
});
