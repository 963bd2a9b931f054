import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  isAlreadyExists,
  isConflict,
  isConnectionError,
  isForbidden,
  isInvalid,
  isNotFound,
} from "#nervous-system/kubernetes/errors.ts";
import { configMaps, pods } from "#nervous-system/kubernetes/kinds.ts";
import { reviewAccess, reviewToken } from "#nervous-system/kubernetes/reviews.ts";
import {
  clientOn,
  configMapDraft,
  freshNamespace,
  startTestPlane,
  type TestPlane,
} from "#test/integration/kubernetes/control-plane.ts";

let test: TestPlane;
let namespace = "";
beforeAll(async () => {
  test = await startTestPlane();
  namespace = await freshNamespace(test.admin);
}, 600_000);
afterAll(() => test?.stop(), 60_000);

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error("was accepted");
    },
    (error: unknown) => error,
  );

type Gate = { url: string; knocked: Promise<void>; open(): void; close(): Promise<void> };

/** A TCP relay to the API server that holds every byte back until it is opened. */
const startGate = async (target: string): Promise<Gate> => {
  const opened = Promise.withResolvers<void>();
  const knocked = Promise.withResolvers<void>();
  const { hostname, port } = new URL(target);
  const server = createServer((socket) => {
    knocked.resolve();
    const upstream = connect(Number(port), hostname);
    void opened.promise.then(() => socket.pipe(upstream).pipe(socket));
    socket.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.on("error", () => socket.destroy()).on("close", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  const { port: own } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${own}`, knocked: knocked.promise, open: () => opened.resolve(), close };
};

describe("reads", () => {
  it("answers undefined, or NotFound, for what does not exist", async () => {
    const ref = { namespace, name: "nobody" };
    expect(await test.admin.find(configMaps, ref)).toBeUndefined();
    const error = await rejection(test.admin.get(configMaps, ref));
    expect(isNotFound(error)).toBe(true);
    expect(String(error)).toContain(`GET /api/v1/namespaces/${namespace}/configmaps/nobody: 404 NotFound`);
  });

  it("lists page by page, each item with its apiVersion and kind", async () => {
    const own = await freshNamespace(test.admin);
    for (const name of ["a", "b", "c", "d", "e"]) {
      await test.admin.create(configMaps, configMapDraft(own, name));
    }
    const names: string[] = [];
    let continueToken: string | undefined;
    let pages = 0;
    do {
      const page = await test.admin.list(configMaps, { namespace: own, limit: 2, continueToken });
      expect(page.items.every((item) => item.kind === "ConfigMap" && item.apiVersion === "v1")).toBe(true);
      names.push(...page.items.map((item) => item.metadata.name));
      ({ continueToken } = page);
      pages += 1;
    } while (continueToken !== undefined);
    expect([names, pages]).toEqual([["a", "b", "c", "d", "e"], 3]);
  });
});

describe("writes", () => {
  it("refuses a second create of one name", async () => {
    await test.admin.create(configMaps, configMapDraft(namespace, "twice"));
    const error = await rejection(test.admin.create(configMaps, configMapDraft(namespace, "twice")));
    expect(isAlreadyExists(error)).toBe(true);
    expect(isConflict(error)).toBe(false);
  });

  it("judges a dry run and stores nothing", async () => {
    await test.admin.create(configMaps, configMapDraft(namespace, "dry"), { dryRun: true });
    expect(await test.admin.find(configMaps, { namespace, name: "dry" })).toBeUndefined();
    const bad = configMapDraft(namespace, "Not A Name");
    expect(isInvalid(await rejection(test.admin.create(configMaps, bad, { dryRun: true })))).toBe(true);
  });

  it("applies over another's fields, and not onto an object that changed or was replaced", async () => {
    const made = await test.admin.create(configMaps, configMapDraft(namespace, "applied", { mine: "1", theirs: "1" }));
    const { uid, resourceVersion } = made.metadata;
    const draft = configMapDraft(namespace, "applied", { mine: "2" });
    const guarded = { ...draft, metadata: { ...draft.metadata, uid, resourceVersion } };
    const applied = await test.admin.apply(configMaps, guarded);
    expect(applied.data).toEqual({ mine: "2", theirs: "1" });
    const changed = { ...guarded, data: { mine: "3" } };
    expect(isConflict(await rejection(test.admin.apply(configMaps, changed)))).toBe(true);
    await test.admin.delete(configMaps, made.metadata);
    expect(isConflict(await rejection(test.admin.apply(configMaps, guarded)))).toBe(true);
    await test.admin.create(configMaps, configMapDraft(namespace, "applied", { reborn: "1" }));
    expect(isConflict(await rejection(test.admin.apply(configMaps, guarded)))).toBe(true);
    expect((await test.admin.get(configMaps, made.metadata)).data).toEqual({ reborn: "1" });
  });

  it("patches only what was read", async () => {
    const made = await test.admin.create(configMaps, configMapDraft(namespace, "patched", { a: "1", b: "1" }));
    const patched = await test.admin.patch(configMaps, made.metadata, { data: { a: null, b: "2" } });
    expect(patched.data).toEqual({ b: "2" });
    const stale = test.admin.patch(configMaps, made.metadata, { data: { b: "3" } });
    expect(isConflict(await rejection(stale))).toBe(true);
  });

  it("patches status through the subresource, with preconditions, and leaves the spec alone", async () => {
    const pod = await test.admin.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name: "phased" },
      spec: { containers: [{ name: "c", image: "i" }] },
    });
    const patched = await test.admin.patchStatus(pods, pod.metadata, { phase: "Running" });
    expect(patched.status?.phase).toBe("Running");
    const stale = test.admin.patchStatus(pods, pod.metadata, { phase: "Failed" });
    expect(isConflict(await rejection(stale))).toBe(true);
  });

  it("deletes exactly the object that was read, and takes gone for done", async () => {
    const first = await test.admin.create(configMaps, configMapDraft(namespace, "reborn"));
    await test.admin.delete(configMaps, first.metadata);
    await test.admin.delete(configMaps, first.metadata);
    const second = await test.admin.create(configMaps, configMapDraft(namespace, "reborn"));
    const { uid, ...ref } = first.metadata;
    expect(isConflict(await rejection(test.admin.delete(configMaps, { ...ref, uid })))).toBe(true);
    await test.admin.patch(configMaps, second.metadata, { data: { k: "v" } });
    const { resourceVersion } = second.metadata;
    const late = test.admin.delete(configMaps, second.metadata, { resourceVersion });
    expect(isConflict(await rejection(late))).toBe(true);
    expect(await test.admin.find(configMaps, second.metadata)).toBeDefined();
  });

  it("asks the guard before a write leaves, and never for reads", async () => {
    let asked = 0;
    const guarded = test.admin.with({
      guard: () => {
        asked += 1;
        throw new Error("not the leader");
      },
    });
    await guarded.list(configMaps, { namespace });
    expect(asked).toBe(0);
    const error = await rejection(guarded.create(configMaps, configMapDraft(namespace, "guarded")));
    expect(String(error)).toContain("not the leader");
    expect(asked).toBe(1);
    expect(await test.admin.find(configMaps, { namespace, name: "guarded" })).toBeUndefined();
  });
});

describe("a guard", () => {
  it("judges a write when it can leave, not when it was asked for", async () => {
    const config = await readFile(test.plane.kubeconfigPath, "utf8");
    const gate = await startGate(test.plane.url);
    const { client, close } = clientOn({ kind: "text", text: config.replaceAll(test.plane.url, gate.url) });
    let isLeader = true;
    const guarded = client.with({
      guard: () => {
        if (!isLeader) throw new Error("not the leader any more");
      },
    });
    const late = rejection(guarded.create(configMaps, configMapDraft(namespace, "late")));
    await gate.knocked;
    isLeader = false;
    gate.open();
    expect(String(await late)).toContain("not the leader any more");
    expect(await client.find(configMaps, { namespace, name: "late" })).toBeUndefined();
    close();
    await gate.close();
  });
});

describe("identity and rights", () => {
  it("knows a token of a service account by its audience, and no other", async () => {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const post = (path: string, body: unknown): Promise<unknown> =>
      test.admin.request({
        method: "POST",
        path,
        body: { contentType: "application/json", text: JSON.stringify(body) },
      });
    await post(accounts, { metadata: { name: "robot" } });
    const issued = await post(`${accounts}/robot/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: ["enchanted-collector"] },
    });
    const { token } = (issued as { status: { token: string } }).status;
    const username = `system:serviceaccount:${namespace}:robot`;
    expect(await reviewToken(test.admin, token, ["enchanted-collector"])).toMatchObject({
      kind: "authentic",
      user: { username },
    });
    expect((await reviewToken(test.admin, token, ["enchanted-fetch"])).kind).toBe("refused");
    expect((await reviewToken(test.admin, "nonsense", ["enchanted-collector"])).kind).toBe("refused");
  });

  it("answers whether a user may do something", async () => {
    const user = { username: "reader", groups: ["readers"] };
    const question = { user, verb: "get", group: "", resource: "configmaps", namespace };
    expect(await reviewAccess(test.admin, question)).toMatchObject({ allowed: false });
    const admin = { username: "boss", groups: ["system:masters"] };
    expect(await reviewAccess(test.admin, { ...question, user: admin })).toMatchObject({ allowed: true });
  });

  it("says who lacks which right", async () => {
    const path = await test.plane.kubeconfigFor({ user: "stranger" });
    const { client, close } = clientOn({ kind: "file", path });
    const error = await rejection(client.list(configMaps, { namespace }));
    close();
    expect(isForbidden(error)).toBe(true);
    expect(String(error)).toContain('User "stranger" cannot list resource "configmaps"');
  });
});

describe("a server that cannot be reached", () => {
  it("is named, with what to check", async () => {
    const config = await readFile(test.plane.kubeconfigPath, "utf8");
    const { client, close } = clientOn({
      kind: "text",
      text: config.replaceAll(test.plane.url, "https://127.0.0.1:1"),
    });
    const error = await rejection(client.list(configMaps));
    close();
    expect(isConnectionError(error)).toBe(true);
    expect(String(error)).toMatch(/https:\/\/127\.0\.0\.1:1\/.*ECONNREFUSED: nothing listens there/);
  });
});
