import { existsSync } from "node:fs";
import { chmod, chown, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { repositoryRoot } from "#platform/environment.ts";
import { startCollectorPeer, type CollectorPeer } from "./collector-peer.ts";
import {
  connectWriter,
  killRunning,
  layOutPod,
  setStage,
  start,
  startAs,
  startPodScribe,
  thought,
  until,
  type Pod,
  type Running,
  type Stage,
} from "./stage.ts";

jest.setTimeout(60_000);

const [scribeUser, agentUser] = [65533, 65532];
const holder = join(repositoryRoot, "scribe/hold-ports.pl");
const squatter = join(repositoryRoot, "test/integration/scribe/squat.pl");

let stage: Stage;
let peer: CollectorPeer;
let pod: Pod;
let ports: string[] = [];
let number = 0;
const running = new Set<Running>();

beforeAll(async () => {
  stage = await setStage();
  await chmod(stage.dir, 0o711);
}, 60_000);
afterAll(() => stage.remove());
beforeEach(async () => {
  peer = await startCollectorPeer(stage.tls);
  // Not among those that other tests use: a connection that ended there a minute ago keeps the holder from them, which binds them
  // without SO_REUSEADDR.
  ports = Array.from({ length: 6 }, (_, n) => String(12_000 + ((process.pid * 97 + number * 6 + n) % 3_000)));
  const [otlp = "", otlpHttp = "", service = "", models = "", metrics = "", proxy = ""] = ports;
  pod = await layOutPod(stage, `pod-${(number += 1)}`, peer.port, {
    ENCHANTED_PORTS_HELD: "true",
    ENCHANTED_OTLP_PORT: otlp,
    ENCHANTED_OTLP_HTTP_PORT: otlpHttp,
    ENCHANTED_SERVICE_PORT: service,
    ENCHANTED_MODEL_PORT: models,
    ENCHANTED_METRICS_PORT: metrics,
    ENCHANTED_PROXY_PORT: proxy,
  });
  await chown(pod.dir, scribeUser, scribeUser);
  await chown(pod.termination, scribeUser, scribeUser);
}, 30_000);
afterEach(async () => {
  for (const one of running) await end(one);
  await peer.close();
});

const keep = (one: Running): Running => {
  running.add(one);
  return one;
};
const end = async (one: Running): Promise<void> => {
  running.delete(one);
  await killRunning(one);
};

const scribe = async (): Promise<Running> => keep(await startPodScribe(stage, pod, scribeUser));
const hold = async (): Promise<Running> => {
  const held = keep(startAs(scribeUser, ["perl", holder, ...ports]));
  await until("the ports are held", () => held.output().includes("held:"));
  return held;
};

/** Every way in which a program of that user could listen on the ports at the moment. */
const squat = async (user: number): Promise<string[]> => {
  const tried = startAs(user, ["perl", squatter, ...ports]);
  expect(await tried.ended).toBe(0);
  return tried.output().split("\n").slice(0, -1);
};

/** Has the scribe record a frame. */
const say = async (words: string): Promise<void> => {
  const writer = await connectWriter(pod.socket);
  writer.write(thought(words));
  await writer.answered(1);
  expect(writer.answers).toMatchObject([{ ok: true }]);
  writer.socket.destroy();
};

const answers = async (): Promise<number[]> => {
  const [, otlpHttp, , models, metrics, proxy] = ports;
  const paths = [`${otlpHttp}/v1/logs`, `${models}/elsewhere`, `${metrics}/healthz`, `${proxy}/`];
  return Promise.all(paths.map(async (path) => (await fetch(`http://127.0.0.1:${path}`)).status));
};

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot("the ports of a pod's scribe", () => {
  it("are anybody's while it restarts where nobody holds them, which its log says", async () => {
    const [held, first] = [await hold(), await scribe()];
    await say("before the restart");
    await end(first);
    await end(held);
    const found = await squat(agentUser);
    for (const port of ports) expect(found).toContain(`${port} on 127.0.0.1 by protocol 0, options 0`);
    expect((await scribe()).output()).toContain("nobody holds these ports");
  });

  it("are held before there is a socket, by which the startup probe lets an agent begin", async () => {
    const first = keep(startAs(scribeUser, [process.execPath, join(stage.programs, "main.js"), "scribe"], pod.env));
    await until("it says that nobody holds them", () => first.output().includes("nobody holds these ports"));
    expect(existsSync(pod.socket)).toBe(false);
    await hold();
    await until("the socket is there", () => existsSync(pod.socket));
  });

  it("are nobody else's in any way once they are held: before it starts, beside it, and while it restarts", async () => {
    await hold();
    expect(await squat(agentUser)).toEqual([]);
    const first = await scribe();
    expect(first.output()).not.toContain("nobody holds");
    expect(await squat(agentUser)).toEqual([]);
    await end(first);
    expect(await squat(agentUser)).toEqual([]);
    await scribe();
    expect(await answers()).toEqual([405, 404, 200, 405]);
    await say("after the restart");
    expect(await squat(agentUser)).toEqual([]);
  });

  it("are held again by a holder that was killed, beside a scribe that is up, and for its next restart", async () => {
    const [held, first] = [await hold(), await scribe()];
    await answers();
    await end(held);
    await hold();
    await end(first);
    expect(await squat(agentUser)).toEqual([]);
  });

  it("are held as soon as they can be where another has one of them, and the others at once", async () => {
    const [taken = "", ...others] = ports;
    const words = `require("node:net").createServer().listen(${taken}, () => console.log("listens"))`;
    const other = keep(startAs(agentUser, [process.execPath, "-e", words]));
    await until("one is taken", () => other.output().includes("listens"));
    const held = keep(startAs(scribeUser, ["perl", holder, ...ports]));
    await until("the holder says so", () => held.output().includes(`port ${taken} cannot be held yet`));
    const found = await squat(agentUser);
    for (const port of others) expect(found.filter((line) => line.startsWith(port))).toEqual([]);
    await end(other);
    await until("it is held, too", () => held.output().includes("held:"));
    expect(await squat(agentUser)).toEqual([]);
  });

  it("are shared with no program of its own user where nobody is to hold them, as under a person's account", async () => {
    const beside = async (): Promise<string[]> =>
      (await squat(scribeUser)).filter((line) => line.includes(" on 127.0.0.1 "));
    const [held, shared] = [await hold(), await scribe()];
    expect(await beside()).not.toEqual([]);
    await end(shared);
    await end(held);
    pod.env["ENCHANTED_PORTS_HELD"] = "false";
    await scribe();
    expect(await beside()).toEqual([]);
  });
});

asRoot("what holds the ports", () => {
  it("takes little, and ends when it is told to, as process 1 of a container", async () => {
    const apart = keep(start("unshare", ["--pid", "--fork", "--kill-child", "perl", holder, ...ports], {}));
    await until("the ports are held", () => apart.output().includes("held:"));
    const pid = Number(await readFile(`/proc/${apart.process.pid}/task/${apart.process.pid}/children`, "utf8"));
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    expect(Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1])).toBeLessThan(4096);
    process.kill(pid, "SIGTERM");
    expect(await apart.ended).toBe(0);
  });
});
