import { describe, expect, it } from "@jest/globals";
import { aProposal } from "#test/builders/proposal.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { parseBundleHeader } from "#supervisor/publish/bundle.ts";
import { parseProposal, refuse } from "#supervisor/publish/proposal.ts";
import { renderPublication } from "#supervisor/publish/publication-frame.ts";
import { neutralise, neutralLine } from "#supervisor/publish/agent-words.ts";
import { renderCommitMessage, renderPullRequest } from "#supervisor/publish/write-commit.ts";

/** Texts that make a pattern look at the same place again, `n` characters or so. */
const hostile: ReadonlyArray<readonly [string, (n: number) => string]> = [
  ["empty lines", (n) => "\n".repeat(n)],
  ["lines that only some take for ends", (n) => "\u2028".repeat(n)],
  ["spaces", (n) => `a${" ".repeat(n)}a`],
  ["indented lines", (n) => " \n".repeat(n / 2)],
  ["half a trailer", (n) => "Mission\n".repeat(n / 8)],
  ["a trailer that does not end", (n) => `Mission${" ".repeat(n)}`],
  ["control characters", (n) => "\u0000\u001b".repeat(n / 2)],
  ["halves of characters", (n) => "\ud83d".repeat(n)],
  ["letters", (n) => "a".repeat(n)],
  ["quotes", (n) => '"'.repeat(n)],
  ["brackets that do not end", (n) => "[".repeat(n)],
  ["capitals of a key", (n) => "A".repeat(n)],
  ["mentions", (n) => "@#".repeat(n / 2)],
  ["orders to skip", (n) => "[skip ".repeat(n / 6)],
];

const proposal = aProposal();
const envelope = {
  agent_uid: "a",
  epoch: 1,
  seq: 1,
  observed: "1",
  mission_uid: "m",
  mission: "fix",
  namespace: "n",
  lineage: 0,
  event_id: "e",
} as StoredFrame["envelope"];

const frameOf = (text: string): StoredFrame => {
  const { bundle, bundle_bytes, repo, branch, base, head } = proposal;
  const payload = { bundle, bundle_bytes, repo, branch, base, head, title: text, body: text, [text]: text };
  const bytes = Buffer.from(JSON.stringify({ agent_id: "coder", payload }));
  return { envelope, bytes, hash: "c".repeat(64) } as unknown as StoredFrame;
};

describe.each(hostile)("a proposal of %s", (_, make) => {
  it.each<readonly [string, (text: string) => () => unknown]>([
    ["its title", (text) => () => neutralLine(text, 120)],
    ["its words before they are cut", (text) => () => neutralise(text)],
    ["its commit message", (text) => () => renderCommitMessage({ ...proposal, title: text, body: text })],
    ["its pull request", (text) => () => renderPullRequest({ ...proposal, title: text, body: text })],
    [
      "its frame",
      (text) => {
        const frame = frameOf(text);
        return () => parseProposal(frame);
      },
    ],
    [
      "its refusal",
      (text) => () => renderPublication({ envelope, hash: "c".repeat(64) }, refuse("ForgeRefused", text)),
    ],
  ])("costs no more than by its length: %s", (__, read) => {
    expect(growthOf(50_000, (n) => read(make(n)))).toBeLessThan(mostGrowth);
  });
});

describe("the head of a bundle", () => {
  const id = "b".repeat(40);
  it.each<readonly [string, (n: number) => string]>([
    ["prerequisites", (n) => `# v2 git bundle\n${`-${id}\n`.repeat(n)}${id} refs/heads/proposal\n\n`],
    ["refs", (n) => `# v2 git bundle\n${`${id} refs/heads/proposal\n`.repeat(n)}\n`],
    ["one long subject", (n) => `# v2 git bundle\n-${id} ${" ".repeat(40 * n)}\n\n`],
    ["one long id", (n) => `# v2 git bundle\n-${"b".repeat(40 * n)}\n\n`],
    ["no end", (n) => `# v2 git bundle\n${`-${id}\n`.repeat(n)}`],
    ["lines of another kind", (n) => `# v2 git bundle\n${`-${id} \r`.repeat(n)}\n\n`],
  ])("costs no more than by its length: %s", (_, make) => {
    const read = (n: number) => {
      const bundle = Buffer.from(make(n));
      return () => Array.from({ length: 20 }, () => parseBundleHeader(bundle));
    };
    // Four times as much is as much as is read of it.
    expect(growthOf(350, read)).toBeLessThan(mostGrowth);
  });
});
