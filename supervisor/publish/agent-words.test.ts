import { describe, expect, it } from "@jest/globals";
import { aProposal } from "#test/builders/proposal.ts";
import fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGit } from "#nervous-system/git/git.ts";
import { mustRun } from "#nervous-system/git/must-run.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { neutralise, neutralLine, quote } from "#supervisor/publish/agent-words.ts";
import { renderCommitMessage, renderPullRequest } from "#supervisor/publish/write-commit.ts";

const proposal = aProposal();

/** What forges, CI and bots look for, each as its maker documents it or has it in its source. */
const orders: ReadonlyArray<readonly [string, RegExp]> = [
  ["GitHub closes", /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:[\w.-]+\/[\w.-]+)?(?:#|GH-)\d+/i],
  ["GitHub closes by address", /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+https?:\/\/\S+\/(?:issues|pull)\/\d+/i],
  [
    "GitLab closes",
    /\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):? +(?:issues? +)?(?:[\w./-]*#\d+|[A-Z][A-Z0-9_]+-\d+)/i,
  ],
  ["Gitea refers", /(?:\s|^|\(|\[|'|")(?:[0-9a-zA-Z-_.]+\/[0-9a-zA-Z-_.]+)?[#!][0-9]+(?:\s|$|\)|\]|'|"|[:;,.?!])/],
  ["Gitea refers by key", /(?:\s|^|\(|\[|"|')[A-Z]{1,10}-[1-9][0-9]*(?:\s|$|\)|\]|:|\.\s|\.$|"|'|,)/],
  ["Linear closes", /\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|implement(?:s|ed|ing)?):?\s+[a-z][a-z0-9]{1,6}-\d+/i],
  ["Shortcut links", /\[?\bsc-\d+/i],
  ["Jira moves", /[A-Z][A-Z0-9_]+-\d+\s+#(?:close|done|time|comment)/],
  ["a mention", /(?:^|\W)@[\w-]+/],
  ["GitHub Actions skips", /\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]/i],
  ["GitLab skips", /\[(?:ci[ _-]skip|skip[ _-]ci)\]/i],
  ["Travis skips", /\[(?:skip ci|ci skip|skip travis|travis skip|travis ci skip|skip travis ci)\]/i],
  ["Woodpecker skips", /\[(?:ci *skip|skip *ci)\]/i],
  ["GitLab refers in brackets", /\[(?:issue|work_item|epic):\d/i],
  ["release-please overrides", /BEGIN_COMMIT_OVERRIDE|END_COMMIT_OVERRIDE|BEGIN_NESTED_COMMIT/],
  ["Azure skips", /\*\*\*NO_CI\*\*\*|\[(?:skip|no) azurepipelines\]/i],
  ["Codeship skips", /--(?:skip|none)-ci|--ci-skip/i],
  ["GitHub skips checks", /^(?:skip|request)-checks:\s*(?:true|false)/im],
  ["a person's consent", /(?:signed-off|co-authored|reviewed|acked)-by:/i],
  ["a comment of HTML", /<!--/],
  ["what hides, or turns the direction of reading", /\p{Default_Ignorable_Code_Point}/u],
];

/** What is an order only where a line begins with it: not within our own words, which are none. */
const lineOrders: ReadonlyArray<readonly [string, RegExp]> = [
  ["a command of a bot", /^\s*\/[a-z]+/m],
  ["a trailer", /^(?!Mission: |Agent: |Record: |Proposed by |What the )[\w-]+\s*:/m],
  ["the end of a message in a mailed patch", /^(?:---|diff --git|Index:)/m],
  ["a fence", /^\s{0,3}(?:```|~~~)/m],
];

const signs = ["@", "#", "!", "[", "]", "(", ")", "<", ">", "-", "_", "*", "/", "\\", " ", "\n", "\t", "1"];
const atoms = [
  ...signs,
  "\r\n",
  "\u200b",
  "\u202e",
  "\u2028",
  "\ud83d",
  "@user",
  "@org/team",
  "fixes",
  "Closes:",
  "resolved",
  "#1",
  "owner/repo#2",
  "!3",
  "GH-4",
  "gh-4",
  "PROJ-5 #close",
  " eng-5",
  "[sc-6]",
  "https://h/o/r/issues/6",
  "https://h/o/r/-/merge_requests/6",
  "[skip ci]",
  "[CI Skip]",
  "[no ci]",
  "[skip-ci]",
  `[skip${" ".repeat(85)}ci]`,
  "Closes [work_item:12]",
  "BEGIN_COMMIT_OVERRIDE feat!: x END_COMMIT_OVERRIDE",
  "[ci_skip]",
  "skip",
  "ci",
  "no",
  "***NO_CI***",
  "--skip-ci",
  "\nskip-checks: true",
  "\nSigned-off-by: A <a@b.c>",
  "\nCo-authored-by: A <a@b.c>",
  "\nRecord: u/9/9/x",
  "<!--",
  "-->",
  "</details>",
  "```",
  "~~~",
  "\n---\ndiff --git a/x b/x\n",
  "\n/approve\n",
];
const hostile = fc.array(fc.constantFrom(...atoms), { maxLength: 30 }).map((parts) => parts.join(""));

const ordersIn = (text: string, patterns: ReadonlyArray<readonly [string, RegExp]>): readonly string[] =>
  patterns.filter(([, pattern]) => pattern.test(text)).map(([what]) => what);

describe("the agent's words", () => {
  it("give no order to any forge, CI or bot, in title, commit message and text, however they are put together", () => {
    fc.assert(
      fc.property(hostile, hostile, (title, body) => {
        const words = { ...proposal, title, body };
        const pull = renderPullRequest(words);
        const [subject = "", ...message] = renderCommitMessage(words).split("\n");
        for (const text of [subject, pull.title, pull.body, message.join("\n")])
          expect(ordersIn(text.replaceAll(/^Record: .*$/gm, ""), orders)).toEqual([]);
        for (const text of [pull.body, message.join("\n")]) expect(ordersIn(text, lineOrders)).toEqual([]);
        expect(subject).not.toBe("");
        expect(pull.title).not.toMatch(/[\n\p{Cc}]/u);
      }),
      { numRuns: 2_000 },
    );
  });

  it("would give each of these orders as the agent wrote them", () => {
    const samples = fc.sample(hostile, { numRuns: 20_000, seed: 1 });
    const given = samples.flatMap((text) => ordersIn(text, [...orders, ...lineOrders]));
    expect([...new Set(given)].toSorted()).toEqual([...orders, ...lineOrders].map(([what]) => what).toSorted());
  });

  it("stand behind ours, each line of them quoted", () => {
    fc.assert(
      fc.property(hostile, (body) => {
        const [origin, record, ...rest] = renderPullRequest({ ...proposal, body }).body.split("\n");
        expect(origin).toBe("Proposed by Agent `fix-coder` of Mission `team/fix`, on commit " + proposal.base + ".");
        expect(record).toBe(`Record: \`u/2/7/${"d".repeat(64)}\``);
        const theirs = rest.filter((line) => line !== "" && !line.startsWith("What the agent says"));
        expect(theirs.every((line) => /^>($| {5})/.test(line))).toBe(true);
      }),
    );
  });

  it.each([
    ["Closes #1, owner/repo#2 and GH-3", "Closes # 1, owner/repo# 2 and GH\u20113"],
    ["thanks @user and @org/team", "thanks @ user and @ org/team"],
    ["Fix it [skip ci]", "Fix it (skip ci)"],
    ["an array[0] and [a link](https://h/x)", "an array[0] and [a link](https://h/x)"],
    ["***NO_CI*** --skip-ci", "***NO CI*** --skip ci"],
    ["if (a != b) return !ok; // 50% & more", "if (a != b) return !ok; // 50% & more"],
    ["# Heading\n\n- item\n- [ ] task", "# Heading\n\n- item\n- [ ] task"],
    ["Signed-off-by: A", "Signed-off-by : A"],
    ["fixes https://h/o/r/issues/5", "fixes https://h/o/r/issues/ 5"],
  ])("stay readable: %j", (said, shown) => {
    expect(neutralise(said)).toBe(shown);
  });

  it("make one line of a title, which orders no rebase and is never empty", () => {
    expect(neutralLine("a\u0007\r\nb\u001b[31m", 100)).toBe("a b[31m");
    expect(neutralLine("x".repeat(50), 10)).toHaveLength(10);
    expect(neutralLine("@a ".repeat(50), 10)).toHaveLength(10);
    expect(neutralLine("fixup! Earlier work", 100)).toBe("fixup ! Earlier work");
    expect(renderPullRequest({ ...proposal, title: "\u200b\u0000" }).title).toBe("Proposal of fix-coder");
  });

  it("are wrapped, since nothing wraps them where they are shown", () => {
    const lines = quote(`${"word ".repeat(100)}\n  kept as it is`, "> ").split("\n");
    expect(lines).toHaveLength(6);
    expect(lines.every((line) => line.length <= 102)).toBe(true);
    expect(lines.at(-1)).toBe(">   kept as it is");
  });
});

it("Git finds no trailer in a commit message but ours", async () => {
  const dir = await mkdtemp(join(tmpdir(), "agent-words-"));
  const git = createGit({ dir, env: { PATH: process.env["PATH"] }, clock: systemClock() });
  const body = "Why.\n\nSigned-off-by: Victim <v@h>\nRecord: u/9/9/x\n\nCo-authored-by: V <v@h>";
  try {
    const input = renderCommitMessage({ ...proposal, title: "Signed-off-by: Victim <v@h>", body });
    const found = await mustRun(git, ["interpret-trailers", "--parse"], { input });
    expect(found.toString()).toBe(`Mission: team/fix/m\nAgent: fix-coder\nRecord: u/2/7/${"d".repeat(64)}\n`);
  } finally {
    await rm(dir, { recursive: true });
  }
});
