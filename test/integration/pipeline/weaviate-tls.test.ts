import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  createVectorClient,
  type VectorClient,
  type WeaviateOptions,
} from "#nervous-system/stores/weaviate/vector-client.ts";
import { startWeaviate, type WeaviateServer } from "#platform/stores/weaviate.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";

describe("Weaviate by TLS", () => {
  const collection = { name: "Probe", description: "", properties: { text: "words" }, tenants: false } as const;
  const opened: VectorClient[] = [];
  let dir: string;
  let caPem: string;
  let server: WeaviateServer;
  const open = (options: Partial<WeaviateOptions>): VectorClient => {
    const client = createVectorClient({ ...server, requestTimeoutMs: 10_000, ...options });
    opened.push(client);
    return client;
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "enchanted-weaviate-"));
    const tls = await serverIdentity(join(dir, "pki"), "weaviate", ["DNS:localhost", "IP:127.0.0.1"]);
    caPem = await readFile(tls.caFile, "utf8");
    server = await startWeaviate({ dir, tls });
  }, 1_200_000);
  afterAll(async () => {
    for (const client of opened) await client.close();
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }, 60_000);

  it("is not reached by who does not know its CA", async () => {
    await expect(open({}).ensureCollection(collection)).rejects.toThrow(/Weaviate, seeing to collection Probe/);
    await expect(open({}).find({ collection: "Probe" }, [], 1)).rejects.toThrow(/it is not there/);
  });

  it("is reached by its CA, over both of its interfaces", async () => {
    const client = open({ caPem });
    await client.ensureCollection(collection);
    const id = "00000000-0000-4000-8000-000000000001";
    await client.put({ collection: "Probe" }, [{ id, properties: { text: "it works" } }]);
    expect(await client.find({ collection: "Probe" }, [], 10)).toMatchObject([
      { id, properties: { text: "it works" } },
    ]);
  });

  it("refuses another key over both", async () => {
    await expect(open({ caPem, apiKey: "another" }).dropCollection("Probe")).rejects.toThrow(/401|unauthorized/i);
    const client = new Client(new URL(server.grpcUrl).host, credentials.createSsl(Buffer.from(caPem)));
    const metadata = new Metadata();
    metadata.set("authorization", "Bearer another");
    const same = (bytes: Buffer): Buffer => bytes;
    const answer = await new Promise<string | undefined>((resolve) => {
      const path = "/weaviate.v1.Weaviate/Search";
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, (error) => resolve(error?.details));
    });
    client.close();
    expect(answer).toMatch(/unauthorized/i);
  });

  it("serves no plain text beside it", async () => {
    for (const url of [server.url, server.grpcUrl]) {
      const plain = fetch(`${url.replace("https:", "http:")}/v1/.well-known/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      expect(await plain).toBe(false);
    }
  });
});
