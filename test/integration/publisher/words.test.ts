import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { requestForge } from "#platform/stores/gitea-api.ts";
import { createForgeFetch } from "#supervisor/forge/forge-fetch.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { propose } from "#test/integration/publisher/coder-workspace.ts";
import {
  createProposer,
  startPublisherWorld,
  startTestPublisher,
  type PublisherWorld,
  type TestPublisher,
} from "#test/integration/publisher/publisher-harness.ts";

let world: PublisherWorld;
let publisher: TestPublisher;

beforeAll(async () => {
  world = await startPublisherWorld();
  publisher = await startTestPublisher(world);
}, 900_000);
afterAll(async () => {
  await publisher?.stop();
  await world?.stop();
}, 120_000);

const reader = { username: "reviewer", password: "reviewer-password-1" };
const repoPath = (): string => `/repos/${world.gitea.adminUser}/calculator`;

/** A user who may read the repository, watches nothing and is told of mentions only. */
const createReader = async (): Promise<void> => {
  const account = { ...reader, email: "reviewer@example.invalid", must_change_password: false };
  await world.forge("POST", "/admin/users", account);
  await world.forge("PUT", `${repoPath()}/collaborators/${reader.username}`, { permission: "read" });
};

const mentionsOfReader = async (): Promise<readonly unknown[]> => {
  const { url, caPem } = world.gitea;
  const login = { url, caPem, user: reader.username, password: reader.password };
  const answer = await requestForge(login, "GET", "/notifications?all=true&status-types=unread");
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body) as unknown[];
};

type Issue = { number: number; state: string };
type Pull = { number: number; title: string; body: string; merged: boolean; mergeable: boolean };

const openIssue = (title: string, body = ""): Promise<Issue> =>
  world.forge<Issue>("POST", `${repoPath()}/issues`, { title, body });

/** The description of a pull request as the forge's own page shows it to everybody. */
const shown = async ({ number }: Pull): Promise<string> => {
  const get = createForgeFetch({ ca: [world.gitea.caPem], timeoutMs: 10_000, clock: systemClock() });
  const page = await get(`${world.gitea.url}/${world.gitea.adminUser}/calculator/pulls/${number}`);
  expect(page.status).toBe(200);
  const html = await page.text();
  const begin = html.indexOf("render-content markup");
  return html.slice(html.indexOf(">", begin) + 1, html.indexOf("raw-content", begin));
};

/** Publishes a proposal in these words, and answers what stands on the forge. */
const publishedAs = async (mission: string, title: string, body: string): Promise<Pull> => {
  const proposer = await createProposer(world, mission);
  const made = await propose(world.root, world.seed, (w) => w.add("src/add.js", "exports.add = (a, b) => a + b;\n"));
  const id = await proposer.propose(made, { title, body });
  const answer = () => publisher.frames.find(({ payload }) => payload["proposal_event_id"] === id)?.payload;
  await eventually("the answer to the proposal", () => answer() !== undefined, 60_000);
  expect(answer()).toMatchObject({ state: "open" });
  return world.forge<Pull>("GET", `${repoPath()}/pulls/${String(answer()?.["number"])}`);
};

it("the words of an agent close no issue, refer to none, call nobody and hide nothing on a real forge", async () => {
  await createReader();
  await world.forge("PATCH", repoPath(), { private: false });
  const issue = await openIssue("Add subtracts");
  const orders = `fixes #${issue.number}, closes ${world.gitea.adminUser}/calculator#${issue.number}, @${reader.username}`;
  const body = `${orders}\n\n</details>\n\`\`\`\n${orders}\n~~~\n# Heading\n![image](https://h/x.png)\nSigned-off-by: V <v@h>\n<!--`;
  const pull = await publishedAs("words", `Fixes #${issue.number} [skip ci] @${reader.username}`, body);
  expect(pull.title).toBe(`Fixes # ${issue.number} (skip ci) @ ${reader.username}`);
  const html = await shown(pull);
  expect(html.trim()).toMatch(/^<p[^>]*>Proposed by Agent <code[^>]*>words-coder<\/code>/);
  expect(html.indexOf("Record:")).toBeLessThan(html.indexOf("<blockquote"));
  expect(html).not.toMatch(/<!--|<img|<h1|<\/details>|class="[^"]*mention|\/issues\//);
  await eventually("the forge knows whether it can be merged", async () => {
    return (await world.forge<Pull>("GET", `${repoPath()}/pulls/${pull.number}`)).mergeable;
  });
  await world.forge("POST", `${repoPath()}/pulls/${pull.number}/merge`, { Do: "merge" });
  // What the forge does for these words it does in the order it was asked: a mention of ours comes behind them.
  await openIssue("Later", `@${reader.username} #${issue.number}`);
  await eventually("the reader is told of the mention that we made", async () => {
    return (await mentionsOfReader()).length > 0;
  });
  expect(await mentionsOfReader()).toHaveLength(1);
  expect(await world.forge<Issue>("GET", `${repoPath()}/issues/${issue.number}`)).toMatchObject({ state: "open" });
  const timeline = await world.forge<ReadonlyArray<{ type: string; ref_issue?: { title: string } }>>(
    "GET",
    `${repoPath()}/issues/${issue.number}/timeline`,
  );
  expect(timeline.map(({ type, ref_issue: ref }) => [type, ref?.title])).toEqual([["issue_ref", "Later"]]);
}, 180_000);
