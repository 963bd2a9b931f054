import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createGraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import { createTracing } from "#nervous-system/telemetry/tracer.ts";
import { run } from "#platform/process/run.ts";
import { waitFor } from "#platform/process/wait.ts";
import { requestForge } from "#platform/stores/gitea-api.ts";
import { startGitea, type GiteaServer } from "#platform/stores/gitea.ts";
import { startJaeger } from "#platform/stores/jaeger.ts";
import { startNeo4j } from "#platform/stores/neo4j.ts";
import { startS3 } from "#platform/stores/s3.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "enchanted-stores-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("S3 for tests", () => {
  it("keeps an object over a restart and refuses a wrong secret", async () => {
    await using s3 = await startS3({ dir: join(dir, "s3") });
    const clientWith = (secretAccessKey: string) =>
      new S3Client({
        endpoint: s3.endpoint,
        region: s3.region,
        forcePathStyle: true,
        credentials: { accessKeyId: s3.accessKey, secretAccessKey },
      });
    const client = clientWith(s3.secretKey);
    await client.send(new CreateBucketCommand({ Bucket: "kept" }));
    await client.send(new PutObjectCommand({ Bucket: "kept", Key: "a/b", Body: "hello" }));
    await s3.restart();
    const found = await client.send(new GetObjectCommand({ Bucket: "kept", Key: "a/b" }));
    expect(await found.Body?.transformToString()).toBe("hello");
    const wrong = clientWith("wrong").send(new GetObjectCommand({ Bucket: "kept", Key: "a/b" }));
    await expect(wrong).rejects.toMatchObject({ name: "SignatureDoesNotMatch" });
  }, 300_000);
});

describe("Neo4j for tests", () => {
  it("keeps a node over a kill and a restart, and refuses a wrong password", async () => {
    await using server = await startNeo4j({ dir: join(dir, "neo4j") });
    const { boltUrl: url, username, password } = server;
    const client = createGraphClient({ url, username, password });
    await client.write((run) => run("CREATE (:Kept {n: $n, rows: size($rows)})", { n: 7, rows: [{ a: 1 }, {}] }));
    server.kill();
    await server.restart();
    expect(await client.run("MATCH (k:Kept) RETURN k.n AS n, k.rows AS rows")).toEqual([{ n: 7, rows: 2 }]);
    await client.close();
    const stranger = createGraphClient({ url, username, password: "another" });
    await expect(stranger.run("RETURN 1")).rejects.toMatchObject({
      kind: "passing",
      message: expect.stringContaining("Unauthorized"),
    });
    await stranger.close();
  }, 600_000);
});

describe("Jaeger for tests", () => {
  it("answers a trace that came by OTLP", async () => {
    await using jaeger = await startJaeger({ dir: join(dir, "jaeger") });
    const tracing = createTracing({ serviceName: "harness", otlpEndpoint: jaeger.otlpEndpoint });
    const span = tracing.tracer.startSpan("agent_execution_cycle");
    span.end();
    await tracing.shutdown();
    const url = `${jaeger.queryUrl}/api/traces/${span.spanContext().traceId}`;
    const found = await waitFor(
      "the trace",
      async () => {
        const response = await fetch(url);
        return response.ok && ((await response.json()) as { data: { spans: { operationName: string }[] }[] });
      },
      { timeoutMs: 20_000 },
    );
    expect(found.data[0]?.spans.map(({ operationName }) => operationName)).toEqual(["agent_execution_cycle"]);
  }, 600_000);
});

describe("a forge for tests", () => {
  let forge: GiteaServer;
  beforeAll(async () => {
    forge = await startGitea({ dir: join(dir, "forge") });
  }, 900_000);
  afterAll(() => forge?.stop(), 60_000);

  it("does not run as root", async () => {
    expect((await run(["stat", "-c", "%u", `/proc/${forge.pid}`])).trim()).toBe("65534");
  });

  it("takes a repository that is pushed over https and gives it back", async () => {
    const login = { url: forge.url, caPem: forge.caPem, user: forge.adminUser, password: forge.adminPassword };
    expect(await requestForge(login, "POST", "/user/repos", { name: "sample" })).toMatchObject({ status: 201 });
    const source = join(dir, "source");
    const remote =
      forge.url.replace("https://", `https://${forge.adminUser}:${forge.adminToken}@`) + "/enchanted/sample.git";
    const git = (...args: string[]) =>
      run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", ...args], {
        // The variable, not the setting: where both are given the variable wins.
        env: { GIT_SSL_CAINFO: forge.caFile },
      });
    await git("init", "--quiet", "--initial-branch=main", source);
    await git("-C", source, "commit", "--quiet", "--allow-empty", "--message", "first");
    await git("-C", source, "push", "--quiet", remote, "main");
    await git("clone", "--quiet", remote, join(dir, "clone"));
    expect(await git("-C", join(dir, "clone"), "log", "--format=%s")).toBe("first\n");
  }, 60_000);

  it("lets nobody in with a wrong password", async () => {
    const login = { url: forge.url, caPem: forge.caPem, user: forge.adminUser, password: "wrong" };
    expect(await requestForge(login, "GET", "/user")).toMatchObject({ status: 401 });
  });
});
