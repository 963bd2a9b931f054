import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { secrets } from "#nervous-system/kubernetes/kinds.ts";
import { missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { label } from "#nervous-system/schemas/names.ts";
import type { ComponentEvent } from "#nervous-system/recorder/component.ts";
import { createOpenForge } from "#supervisor/forge/open-forge.ts";
import { askRequest, type AskedRequest } from "#supervisor/watch/ask-request.ts";
import { runWatch, watchPublished } from "#supervisor/watch/run-watch.ts";
import { openWatchedRequests, type WatchedRequest, type WatchedRequests } from "#supervisor/watch/watched-requests.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { propose } from "#test/integration/publisher/coder-workspace.ts";
import {
  answerTo,
  createProposer,
  startPublisherWorld,
  startTestPublisher,
  type Proposer,
  type PublisherWorld,
  type TestPublisher,
} from "#test/integration/publisher/publisher-harness.ts";

const clock = systemClock();
let world: PublisherWorld;
let requests: WatchedRequests;
let publisher: TestPublisher;

beforeAll(async () => {
  world = await startPublisherWorld();
  requests = await openWatchedRequests(
    await mkdtemp(join(world.root, "watched-")),
    { most: 50, mostOfNamespace: 50 },
    silentLog,
  );
  publisher = await startTestPublisher(world, {
    onPublished: (frame, end) => watchPublished({ requests, clock }, frame, end),
  });
}, 900_000);
afterAll(async () => {
  await publisher?.stop();
  await world?.stop();
}, 120_000);

const pullPath = (number: unknown): string => `/repos/${world.gitea.adminUser}/calculator/pulls/${String(number)}`;

/** Publishes a change of its own. */
const publish = async (
  name: string,
): Promise<{ readonly proposer: Proposer; readonly answer: Record<string, unknown> }> => {
  const proposer = await createProposer(world, name);
  const made = await propose(world.root, world.seed, (workspace) =>
    workspace.add(`src/${name}.js`, "exports.a = 1;\n"),
  );
  return { proposer, answer: await answerTo(publisher, await proposer.propose(made)) };
};

const watchedOf = ({ mission }: Proposer): WatchedRequest => {
  const found = [...requests.all().values()].find((one) => one.answered.envelope.mission_uid === mission.metadata.uid);
  if (found === undefined) throw new Error("it is not watched");
  return found;
};

const ask = (request: WatchedRequest): Promise<AskedRequest> => {
  const open = createOpenForge({ ca: [world.gitea.caPem], timeoutMs: 10_000, clock });
  return askRequest({ client: world.client, openForge: ({ repo, credentials }) => open(repo, credentials) }, request);
};

/** A watch whose pauses take next to no time. */
const watchUntil = async (state: string): Promise<ComponentEvent[]> => {
  const written: ComponentEvent[] = [];
  const stopping = new AbortController();
  let hours = 0;
  const hurried: Pick<Clock, "now" | "monotonicMs" | "sleep"> = {
    now: () => clock.now() + hours * 3_600_000,
    monotonicMs: () => clock.monotonicMs() + hours * 3_600_000,
    sleep: (_, signal) => {
      hours += 1;
      return clock.sleep(10, signal);
    },
  };
  const ended = runWatch(
    {
      requests,
      ask,
      record: { write: (frame) => Promise.resolve(written.push(frame)).then(() => "e") },
      clock: hurried,
      random: () => 0,
      log: silentLog,
      onNews: () => undefined,
    },
    stopping.signal,
  );
  await eventually(
    `it tells of one that is ${state}`,
    () => written.some(({ payload }) => payload["state"] === state),
    60_000,
  );
  stopping.abort(new Error("the test is over"));
  await ended;
  return written;
};

describe("the watch over pull requests, at a forge", () => {
  it("tells of one that people merge, with the commit of the merge", async () => {
    const { proposer, answer } = await publish("merged");
    expect(await ask(watchedOf(proposer))).toMatchObject({ kind: "ok", pullRequest: { state: "open" } });
    await eventually(
      "the forge merges it",
      () =>
        world.forge("POST", `${pullPath(answer["number"])}/merge`, { Do: "merge" }).then(
          () => true,
          () => false,
        ),
      30_000,
    );
    const pull = await world.forge<{ merge_commit_sha: string }>("GET", pullPath(answer["number"]));
    const [told] = await watchUntil("merged");
    expect(told).toMatchObject({
      eventType: "PUBLICATION",
      payload: { ...answer, state: "merged", merge_commit: pull.merge_commit_sha },
      subject: {
        mission_uid: proposer.mission.metadata.uid,
        about: { agent_uid: proposer.agent.metadata.uid, epoch: 1 },
      },
    });
    expect(pull.merge_commit_sha).toMatch(/^[0-9a-f]{40}$/);
  }, 120_000);

  it("tells of one that people close", async () => {
    const { proposer, answer } = await publish("closed");
    await world.forge("PATCH", pullPath(answer["number"]), { state: "closed" });
    const written = await watchUntil("closed");
    expect(written.map(({ payload, subject }) => [payload["state"], subject.mission_uid])).toEqual([
      ["closed", proposer.mission.metadata.uid],
    ]);
    expect(watchedOf(proposer).end.value.pullRequest.state).toBe("closed");
  }, 120_000);

  it("asks with what the mission's Secret allows now, and nothing once the mission is gone", async () => {
    const { proposer } = await publish("withdrawn");
    const request = watchedOf(proposer);
    const { admin } = world.test;
    const useSecretFor = async (use: string): Promise<void> => {
      const { metadata } = await admin.get(secrets, { namespace: world.namespace, name: "forge" });
      const { name, uid, resourceVersion } = metadata;
      const target = { namespace: world.namespace, name, uid, resourceVersion };
      await admin.patch(secrets, target, { metadata: { labels: { [label.use]: use } } });
    };
    await useSecretFor("model");
    expect(await ask(request)).toMatchObject({ kind: "later", isAway: false, message: expect.stringContaining("git") });
    await useSecretFor("git");
    expect(await ask(request)).toMatchObject({ kind: "ok" });
    world.gitea.kill("SIGSTOP");
    const away = ask(request);
    await away.finally(() => world.gitea.kill("SIGCONT"));
    expect(await away).toMatchObject({ kind: "later", isAway: true });
    const { name, uid } = proposer.mission.metadata;
    await admin.delete(missions, { namespace: world.namespace, name, uid });
    await eventually("the mission is gone", async () => (await ask(request)).kind === "gone", 30_000);
  }, 120_000);

  it("keeps no more of a proposal than names it", async () => {
    const names = await readdir(join(world.root)).then((all) => all.filter((name) => name.startsWith("watched-")));
    expect(names).toHaveLength(1);
    for (const { answered } of requests.all().values())
      expect(Object.keys(answered).toSorted()).toEqual(["envelope", "hash"]);
  });
});
