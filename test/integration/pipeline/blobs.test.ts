import { createHash } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createObjectStore, emptySpool, type ObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { createObjectClient, type ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { startS3 } from "#platform/stores/s3.ts";
import { createCleanup, temporaryDirectory } from "./bus-harness.ts";

const cleanup = createCleanup();
let client: ObjectClient;
let store: ObjectStore;
let spoolDir: string;
beforeAll(async () => {
  const s3 = await startS3({ dir: await temporaryDirectory(cleanup) });
  cleanup.add(() => s3.stop());
  client = createObjectClient({
    endpoint: s3.endpoint,
    region: s3.region,
    bucket: "enchanted",
    accessKeyId: s3.accessKey,
    secretAccessKey: s3.secretKey,
  });
  cleanup.add(() => client.close());
  await client.ensureBucket();
  await client.ensureBucket();
  spoolDir = await temporaryDirectory(cleanup);
  store = createObjectStore({ client, spoolDir, maxBytes: 3 << 20 });
}, 600_000);
afterAll(() => cleanup.run());

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const readAll = async (chunks: AsyncIterable<Buffer> | undefined): Promise<Buffer | undefined> => {
  if (chunks === undefined) return undefined;
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
};

describe("blobs", () => {
  it("are found by their content, streamed or not, again and again", async () => {
    const bytes = Buffer.alloc(2 << 20, "enchanted");
    const streamed = await store.putStream("team-a", inPieces(bytes, 100_000));
    expect(streamed).toEqual({ digest: digestOf(bytes), size: bytes.length });
    expect(await store.put("team-a", bytes)).toBe(streamed.digest);
    expect((await readAll(await store.get("team-a", streamed.digest)))?.equals(bytes)).toBe(true);
    expect(await readdir(spoolDir)).toEqual([]);
  });

  it("may be empty", async () => {
    const { digest } = await store.putStream("team-a", inPieces(Buffer.of(), 1));
    expect(digest).toBe(digestOf(Buffer.of()));
    expect(await readAll(await store.get("team-a", digest))).toEqual(Buffer.of());
  });

  it("of another namespace are not there", async () => {
    const digest = await store.put("team-a", Buffer.from("only for team a"));
    expect(await store.get("team-b", digest)).toBeUndefined();
  });

  it("that are too large leave nothing behind", async () => {
    const bytes = Buffer.alloc((3 << 20) + 1);
    await expect(store.putStream("team-a", inPieces(bytes, 1 << 20))).rejects.toThrow(/at most 3145728 bytes/);
    await expect(store.put("team-a", bytes)).rejects.toThrow(/at most 3145728 bytes/);
    expect(await store.get("team-a", digestOf(bytes))).toBeUndefined();
    expect(await readdir(spoolDir)).toEqual([]);
  });

  it("that a killed collector had on its disk are gone when it starts again", async () => {
    const dir = join(await temporaryDirectory(cleanup), "blobs");
    expect(await readdir(await emptySpool(dir))).toEqual([]);
    await mkdir(join(dir, "blob-left"));
    await writeFile(join(dir, "blob-left", "blob"), "half of a blob");
    expect(await readdir(await emptySpool(dir))).toEqual([]);
  });

  it("cannot be named out of their place", async () => {
    const digest = digestOf(Buffer.of());
    await expect(store.get("../team-a", digest)).rejects.toThrow(/not the name of a namespace/);
    await expect(store.get("team-a", "sha256:../../x")).rejects.toThrow(/64 hex digits/);
  });

  it("with other content than their name are noticed", async () => {
    const digest = digestOf(Buffer.from("wanted"));
    await client.put(`team-a/blobs/${digest.replace(":", "/")}`, Buffer.from("forged"), 6);
    await expect(store.get("team-a", digest).then(readAll)).rejects.toThrow(/other content/);
  });
});
