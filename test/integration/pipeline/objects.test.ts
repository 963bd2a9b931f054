import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  createObjectClient,
  NoBucketError,
  type ObjectClient,
  type S3Options,
} from "#nervous-system/stores/s3/object-client.ts";
import { startS3 } from "#platform/stores/s3.ts";
import { createCleanup, temporaryDirectory } from "./bus-harness.ts";

const cleanup = createCleanup();
let options: S3Options;
let client: ObjectClient;
beforeAll(async () => {
  const s3 = await startS3({ dir: await temporaryDirectory(cleanup) });
  cleanup.add(() => s3.stop());
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
  options = { endpoint, region, bucket: "enchanted", accessKeyId, secretAccessKey };
  client = createObjectClient(options);
  cleanup.add(() => client.close());
  await client.ensureBucket();
}, 600_000);
afterAll(() => cleanup.run());

const textOf = async (key: string): Promise<string | undefined> => {
  const body = await client.get(key);
  if (body === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString();
};

const listed = async (prefix: string, after?: string, pageSize?: number): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key, sizeBytes } of client.list(prefix, after, pageSize)) keys.push(`${key} ${sizeBytes}`);
  return keys;
};

describe("objects of a bucket", () => {
  it("are put where none is, and the first one stays", async () => {
    expect(await client.putIfAbsent("once/a.json", Buffer.from("first"))).toBe("stored");
    expect(await client.putIfAbsent("once/a.json", Buffer.from("other"))).toBe("exists");
    expect(await textOf("once/a.json")).toBe("first");
  });

  it("have one writer where many put at once", async () => {
    const puts = Array.from({ length: 24 }, (_, n) => client.putIfAbsent("once/raced", Buffer.from(`writer ${n}`)));
    const outcomes = await Promise.all(puts);
    const first = outcomes.indexOf("stored");
    expect(outcomes.filter((outcome) => outcome === "stored")).toHaveLength(1);
    expect(await textOf("once/raced")).toBe(`writer ${first}`);
  });

  it("are listed in the order of their names, over as many pages as it takes, behind a name", async () => {
    const names = Array.from({ length: 1_005 }, (_, n) => `many/${String(n).padStart(4, "0")}`);
    for (let n = 0; n < names.length; n += 67)
      await Promise.all(names.slice(n, n + 67).map((name) => client.put(name, Buffer.from("x"), 1)));
    expect(await listed("many/")).toEqual(names.map((name) => `${name} 1`));
    expect(await listed("many/", "many/1002")).toEqual(["many/1003 1", "many/1004 1"]);
    expect(await listed("many/", "many/0999", 2)).toEqual(names.slice(1_000).map((name) => `${name} 1`));
    expect(await listed("none/")).toEqual([]);
  }, 120_000);

  it("go, whether they were there or not", async () => {
    await client.put("gone", Buffer.from("x"), 1);
    await client.delete("gone");
    await client.delete("gone");
    expect(await client.size("gone")).toBeUndefined();
  });

  it("have no bucket where there is none, and none is put for who gave up", async () => {
    const elsewhere = createObjectClient({ ...options, bucket: "elsewhere" });
    await expect(elsewhere.putIfAbsent("a", Buffer.from("x"))).rejects.toThrow(NoBucketError);
    await expect(client.putIfAbsent("given-up", Buffer.from("x"), AbortSignal.abort())).rejects.toThrow(/abort/i);
    expect(await client.size("given-up")).toBeUndefined();
    elsewhere.close();
  });
});

describe("versions of an object", () => {
  const versioned = async (): Promise<ObjectClient> => {
    const s3 = await startS3({ dir: await temporaryDirectory(cleanup), versions: true });
    cleanup.add(() => s3.stop());
    const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
    const made = createObjectClient({
      endpoint,
      region,
      bucket: "versions",
      accessKeyId,
      secretAccessKey,
      objectLock: true,
    });
    cleanup.add(() => made.close());
    await made.ensureBucket();
    return made;
  };

  it("are all erased, but for those that a lock holds, until when it does", async () => {
    const made = await versioned();
    expect(await made.hasObjectLock()).toBe(true);
    for (const text of ["one", "two"]) await made.put("a", Buffer.from(text), 3);
    await made.put("a-b", Buffer.from("another"), 7);
    await made.delete("a");
    expect(await made.erase("a")).toEqual({ kind: "gone" });
    expect(await made.size("a-b")).toBe(7);
    const untilMs = Math.floor(Date.now() / 1000) * 1000 + 3_600_000;
    const lock = { mode: "COMPLIANCE", untilMs } as const;
    expect(await made.putIfAbsent("locked", Buffer.from("x"), undefined, lock)).toBe("stored");
    expect(await made.putIfAbsent("locked", Buffer.from("y"), undefined, lock)).toBe("exists");
    // A mark that it was deleted hides it, and deletes nothing.
    await made.delete("locked");
    expect(await made.size("locked")).toBeUndefined();
    expect(await made.erase("locked")).toEqual({ kind: "held", untilMs });
    await made.putIfAbsent("lifted", Buffer.from("x"), undefined, { ...lock, mode: "GOVERNANCE" });
    expect(await made.erase("lifted")).toEqual({ kind: "gone" });
    expect(await made.erase("never")).toEqual({ kind: "gone" });
  }, 60_000);
});
