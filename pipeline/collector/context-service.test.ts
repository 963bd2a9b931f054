import { describe, expect, it } from "@jest/globals";
import { grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import {
  exportLogs,
  getBlobMethod,
  inboxMethod,
  putBlobMethod,
  recallMethod,
  recordStateMethod,
  streamStateMethod,
  tailMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { createContextService, useOf } from "#pipeline/collector/context-service.ts";

const agent = (agentUid: string): Caller => ({
  agentUid,
  namespace: "n",
  producers: ["agent", "scribe"],
  recorder: "scribe",
  bound: { epoch: 1, missionUid: "m", mission: "m" },
});

describe("what an external client must have the right to", () => {
  it("is to read for what gives out others' blobs and lessons, and to record for all else", () => {
    const all = [
      exportLogs,
      getBlobMethod,
      inboxMethod,
      putBlobMethod,
      recallMethod,
      recordStateMethod,
      streamStateMethod,
      tailMethod,
    ];
    expect(all.filter(({ path }) => useOf(path) === "get")).toEqual([getBlobMethod, recallMethod]);
    expect(useOf(undefined)).toBe("create"); // OTLP over HTTP
  });
});

describe("blobs on their way to the store", () => {
  it("are a few of each agent at a time, so that none fills the collector's disk", async () => {
    const { promise: stored, resolve: store } = Promise.withResolvers<{ digest: string; size: number }>();
    const handlers = createContextService({
      identify: (token) => Promise.resolve(agent(token ?? "")),
      owners: { check: () => Promise.reject(new Error("not asked")) },
      bus: {
        tail: () => Promise.reject(new Error("not asked")),
        settled: () => Promise.reject(new Error("not asked")),
        streamState: () => Promise.reject(new Error("not asked")),
      },
      sinks: ["ledger"],
      blobQuota: { open: () => ({ take: () => undefined, leave: () => undefined }) },
      blobShare: { take: () => Promise.reject(new Error("not asked")) },
      blobs: {
        put: () => Promise.reject(new Error("not asked")),
        putStream: () => stored,
        get: () => Promise.resolve(undefined),
      },
    });
    const put = handlers.find(({ method }) => method === putBlobMethod);
    if (put?.kind !== "clientStream") throw new Error("there is no PutBlob");
    const signal = new AbortController().signal;
    const upload = (token: string) =>
      put.handle((async function* () {})(), { token, signal, metadata: () => undefined });

    const first = Array.from({ length: 4 }, () => upload("a"));
    await expect(upload("a")).rejects.toMatchObject({ code: grpcStatus.unavailable });
    const other = upload("b");
    store({ digest: "sha256:x", size: 0 });
    expect(await Promise.all([...first, other])).toHaveLength(5);
    expect(await upload("a")).toBeInstanceOf(Buffer);
  });
});
