import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createObjectClient, type ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { startS3 } from "#platform/stores/s3.ts";
import { createCleanup, temporaryDirectory } from "./bus-harness.ts";

/** What another service says to a request of this kind: before versitygw is given it, and where that answered with a status. */
type Otherwise = (kind: string, status?: number) => readonly [status: number, code: string] | undefined;

const cleanup = createCleanup();
const untilMs = Math.floor(Date.now() / 1000) * 1000 + 3_600_000;
let otherwise: Otherwise = () => undefined;
let client: ObjectClient;
let direct: ObjectClient;
let plain: ObjectClient;
let deletes: string[] = [];

/** `DELETE`, `GET retention`, `DELETE version` and so on. */
const kindOf = ({ method = "", url = "" }: IncomingMessage): string => {
  const query = new URL(url, "http://s3").searchParams;
  const about = ["versions", "retention", "legal-hold"].find((name) => query.has(name));
  return [method, about ?? (query.has("versionId") ? "version" : "")].join(" ").trim();
};

const say = (answer: ServerResponse, [status, code]: readonly [number, string]): void => {
  answer.writeHead(status, { "content-type": "application/xml" });
  answer.end(
    status === 204 ? "" : `<Error><Code>${code}</Code><Message>Object is WORM protected, or else.</Message></Error>`,
  );
};

const relay = (target: URL) => (asked: IncomingMessage, answer: ServerResponse) => {
  const kind = kindOf(asked);
  if (asked.method === "DELETE") deletes.push(kind);
  const before = otherwise(kind);
  if (before !== undefined) return say(answer, before);
  const { method, url: path, headers } = asked;
  const passed = request({ host: target.hostname, port: target.port, method, path, headers }, (told) => {
    const other = otherwise(kind, told.statusCode);
    if (other === undefined) {
      answer.writeHead(told.statusCode ?? 0, told.headers);
      told.pipe(answer);
      return;
    }
    told.resume();
    say(answer, other);
  });
  return asked.pipe(passed);
};

beforeAll(async () => {
  const s3 = await startS3({ dir: await temporaryDirectory(cleanup), versions: true });
  cleanup.add(() => s3.stop());
  const server = createServer(relay(new URL(s3.endpoint)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanup.add(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { region, accessKey: accessKeyId, secretKey: secretAccessKey } = s3;
  const clientOf = async (endpoint: string, bucket: string, objectLock: boolean): Promise<ObjectClient> => {
    const made = createObjectClient({ endpoint, region, bucket, accessKeyId, secretAccessKey, objectLock });
    cleanup.add(() => made.close());
    await made.ensureBucket();
    return made;
  };
  const door = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  client = await clientOf(door, "locks", true);
  direct = await clientOf(s3.endpoint, "locks", true);
  plain = await clientOf(door, "plain", false);
}, 600_000);
afterAll(() => cleanup.run());

beforeEach(() => {
  otherwise = () => undefined;
  deletes = [];
});

const lock = async (key: string): Promise<void> => {
  const put = await direct.putIfAbsent(key, Buffer.from("x"), undefined, { mode: "COMPLIANCE", untilMs });
  expect(put).toBe("stored");
};

const refusedLock = "DELETE version";
const asMinio: Otherwise = (kind, status) =>
  kind === refusedLock && status === 403 ? [400, "InvalidRequest"] : undefined;
const denying =
  (...kinds: readonly string[]): Otherwise =>
  (kind) =>
    kinds.includes(kind) ? [403, "AccessDenied"] : undefined;

describe("erasing from a bucket that locks", () => {
  it("says of what is held that it is, to whatever status a service refuses it by", async () => {
    await lock("minio");
    otherwise = asMinio;
    expect(await client.erase("minio")).toEqual({ kind: "held", untilMs });
    expect(await direct.size("minio")).toBe(1);
    otherwise = (kind, status) =>
      kind === "GET retention" ? [404, "NoSuchObjectLockConfiguration"] : asMinio(kind, status);
    expect(await client.erase("minio")).toEqual({ kind: "held" });
    expect(deletes).not.toContain("DELETE");
  }, 60_000);

  it("names the right that is missing, and hides nothing behind a mark that it was deleted", async () => {
    await lock("rights");
    const rights: [Otherwise, string][] = [
      [denying("GET retention"), "s3:GetObjectRetention on bucket locks"],
      [denying("GET retention", "GET legal-hold"), "s3:GetObjectRetention and s3:GetObjectLegalHold on"],
      [denying("GET versions"), "s3:ListBucketVersions and s3:DeleteObjectVersion on"],
      [() => undefined, ""],
    ];
    for (const [answers, words] of rights) {
      otherwise = answers;
      if (words === "") expect(await client.erase("rights")).toEqual({ kind: "held", untilMs });
      else await expect(client.erase("rights")).rejects.toThrow(`rights cannot be erased: grant ${words}`);
    }
    await direct.put("free", Buffer.from("x"), 1);
    otherwise = denying(refusedLock);
    await expect(client.erase("free")).rejects.toThrow("grant s3:DeleteObjectVersion on bucket locks");
    expect(await direct.size("free")).toBe(1);
    expect(deletes).not.toContain("DELETE");
  }, 60_000);

  it("does not take what a mark hides for gone, where nobody may list it", async () => {
    await lock("hidden");
    await direct.delete("hidden");
    otherwise = denying("GET versions");
    await expect(client.erase("hidden")).rejects.toThrow("grant s3:ListBucketVersions");
  }, 60_000);

  it("believes the list, not the answer to a DELETE", async () => {
    await lock("kept");
    otherwise = (kind) => (kind === refusedLock ? [204, "None"] : undefined);
    await expect(client.erase("kept")).rejects.toThrow("kept was deleted, and 1 versions of it are still listed");
  }, 60_000);
});

it("an account of a bucket without versions needs no right about them", async () => {
  await plain.put("a", Buffer.from("x"), 1);
  otherwise = denying("GET versions", refusedLock, "GET retention", "GET legal-hold");
  expect(await plain.erase("a")).toEqual({ kind: "gone" });
  expect(await plain.size("a")).toBeUndefined();
}, 60_000);
