import { readFile } from "node:fs/promises";
import https from "node:https";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createInformer, type Informer } from "#nervous-system/kubernetes/informer.ts";
import { type ConfigMap, configMaps } from "#nervous-system/kubernetes/kinds.ts";
import type { ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";
import {
  clientOn,
  configMapDraft,
  eventually,
  freshNamespace,
  startTestPlane,
  type TestPlane,
} from "#test/integration/kubernetes/control-plane.ts";
import { type FaultProxy, goneStatus, startFaultProxy } from "#test/integration/kubernetes/fault-proxy.ts";

const clock = systemClock();
let test: TestPlane;
let proxy: FaultProxy;
let namespace = "";
let informer: Informer<ConfigMap>;
let ends: ReflectorEnd[] = [];
let seen: string[] = [];
let stop: () => Promise<void>;

beforeAll(async () => {
  test = await startTestPlane();
  proxy = await startFaultProxy(test.plane.kubeconfigPath);
}, 600_000);
afterAll(async () => {
  await proxy?.close();
  await test?.stop();
}, 60_000);

beforeEach(async () => {
  namespace = await freshNamespace(test.admin);
  ends = [];
  seen = [];
  const { client, close } = clientOn({ kind: "text", text: proxy.kubeconfig });
  informer = createInformer({
    client,
    kind: configMaps,
    selection: { namespace },
    indexers: { team: (object) => (object.data?.["team"] ? [object.data["team"]] : []) },
    clock,
    // Short pauses: hundreds of disconnects are to pass in seconds.
    random: () => 0.02,
    log: silentLog,
    onEnd: (end) => ends.push(end),
  });
  informer.addHandler(({ kind, object }) => {
    const { name, resourceVersion } = object.metadata;
    seen.push(kind === "deleted" ? `${name} deleted` : `${name}@${resourceVersion}`);
  });
  const running = new AbortController();
  const run = informer.run(running.signal);
  stop = async () => {
    running.abort();
    await run;
    close();
  };
  await informer.synced();
});
afterEach(() => stop());

const watching = (): Promise<void> => eventually("a watch is open", () => proxy.openWatches() > 0);
const write = async (name: string, data: Record<string, string>): Promise<string> => {
  const known = await test.admin.find(configMaps, { namespace, name });
  const { metadata } = known
    ? await test.admin.patch(configMaps, known.metadata, { data })
    : await test.admin.create(configMaps, configMapDraft(namespace, name, data));
  return `${name}@${metadata.resourceVersion}`;
};
const remove = async (name: string): Promise<string> => {
  const known = await test.admin.get(configMaps, { namespace, name });
  await test.admin.delete(configMaps, known.metadata);
  return `${name} deleted`;
};
const cacheIsTrue = async (): Promise<void> => {
  const { items } = await test.admin.list(configMaps, { namespace });
  const truth = items.map((item) => `${item.metadata.name}@${item.metadata.resourceVersion}`).toSorted();
  await eventually("the cache equals the server", () => {
    const cached = informer.list().map((item) => `${item.metadata.name}@${item.metadata.resourceVersion}`);
    return JSON.stringify(cached.toSorted()) === JSON.stringify(truth);
  });
};

describe("informer", () => {
  it("follows adds, updates and deletes, finds by index, and keeps no managedFields", async () => {
    const expected = [await write("a", { team: "red" }), await write("a", { team: "blue" })];
    expected.push(await write("b", { team: "blue" }), await remove("b"));
    await eventually("all four changes are seen", () => seen.length === 4);
    expect(seen).toEqual(expected);
    expect(informer.byIndex("team", "red")).toEqual([]);
    expect(informer.byIndex("team", "blue").map((object) => object.metadata.name)).toEqual(["a"]);
    expect(JSON.stringify(informer.get(`${namespace}/a`))).not.toContain("managedFields");
    expect(informer.silenceMs()).toBeLessThan(30_000);
  });

  it("misses no change, and repeats none, over 300 forced disconnects", async () => {
    const expected: string[] = [];
    const faults = [
      () => proxy.cutWatches(),
      () => proxy.cutInsideNextLine(),
      () => {
        proxy.answerNextWatch(429, { reason: "TooManyRequests", code: 429 }, { "Retry-After": "0" });
        proxy.cutWatches();
      },
      () => {
        proxy.answerNextWatch(500, { reason: "InternalError", code: 500 });
        proxy.cutWatches();
      },
    ];
    for (let round = 0; round < 300; round += 1) {
      await watching();
      faults[round % faults.length]?.();
      expected.push(await write(`n-${round % 7}`, { round: String(round) }));
      if (round % 5 === 4) expected.push(await remove(`n-${round % 7}`));
    }
    await eventually("every change is seen", () => seen.length >= expected.length);
    expect(seen).toEqual(expected);
    expect(ends.filter((end) => end.kind === "failed").length).toBeGreaterThanOrEqual(300);
    expect(ends.filter((end) => end.kind === "listed")).toHaveLength(1);
    await cacheIsTrue();
  }, 180_000);

  it("lists again on both forms of 410 and tells the deletes that it missed", async () => {
    for (let round = 0; round < 20; round += 1) {
      await write(`kept-${round}`, {});
      await write(`lost-${round}`, {});
      await eventually("both are cached", () => informer.get(`${namespace}/lost-${round}`) !== undefined);
      await watching();
      proxy.setDown(true);
      await remove(`lost-${round}`);
      if (round % 2 === 0) proxy.answerNextWatch(410, goneStatus);
      proxy.setDown(false);
      if (round % 2 === 1) {
        await watching();
        proxy.expireWatches();
      }
      await eventually("the delete is told", () => seen.includes(`lost-${round} deleted`));
    }
    expect(ends.filter((end) => end.kind === "listed").length).toBeGreaterThanOrEqual(20);
    await cacheIsTrue();
  }, 120_000);

  it("sees a half-open connection within 30 seconds", async () => {
    await watching();
    proxy.silenceWatches();
    const name = await write("unheard", {});
    const silencedMs = clock.monotonicMs();
    await eventually("the change arrives over a new connection", () => seen.includes(name), 35_000);
    expect(clock.monotonicMs() - silencedMs).toBeLessThan(30_000);
    expect(ends.some((end) => end.kind === "failed" && String(end.error).includes("half-open"))).toBe(true);
  }, 60_000);

  it("survives a compaction of etcd and a restart of the API server that happened while it was away", async () => {
    await write("old", {});
    await write("stays", {});
    await eventually("both are cached", () => informer.size() >= 2);
    proxy.setDown(true);
    await remove("old");
    await write("new", {});
    await compact(test.plane.apiServer.pid);
    await test.plane.apiServer.restart();
    const listsBefore = ends.filter((end) => end.kind === "listed").length;
    proxy.setDown(false);
    await eventually("the delete is told", () => seen.includes("old deleted"));
    await eventually("it listed again", () => ends.filter((end) => end.kind === "listed").length > listsBefore);
    expect(ends.some((end) => end.kind === "failed" && String(end.error).includes("too old resource version"))).toBe(
      true,
    );
    await cacheIsTrue();
  }, 120_000);
});

const argument = (argv: readonly string[], name: string): string =>
  argv.find((part) => part.startsWith(`--${name}=`))?.slice(name.length + 3) ?? "";

/** Makes etcd forget every revision but the newest, as the API server's own compaction does each five minutes. */
const compact = async (apiServerPid: number): Promise<void> => {
  const argv = (await readFile(`/proc/${apiServerPid}/cmdline`, "utf8")).split("\0");
  const tls = {
    ca: await readFile(argument(argv, "etcd-cafile")),
    cert: await readFile(argument(argv, "etcd-certfile")),
    key: await readFile(argument(argv, "etcd-keyfile")),
  };
  const call = (path: string, body: unknown): Promise<{ header: { revision: string } }> =>
    new Promise((resolve, reject) => {
      const request = https.request(argument(argv, "etcd-servers") + path, { ...tls, method: "POST" }, (answer) => {
        let text = "";
        answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
        answer.on("end", () => (answer.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
      });
      request.on("error", reject);
      request.end(JSON.stringify(body));
    });
  const { header } = await call("/v3/kv/range", { key: Buffer.from("/").toString("base64") });
  await call("/v3/kv/compaction", { revision: header.revision, physical: true });
};
