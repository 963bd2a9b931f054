import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { secrets, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import {
  connectThrough,
  post,
  secureWithin,
  startTestGateway,
  type TestGateway,
} from "#test/integration/gateway/gateway-harness.ts";
import { serverIdentity, startTestUpstream, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import {
  createAccount,
  createAgent,
  createMission,
  createModel,
  createPod,
  createSecret,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";

let test: TestPlane;
let upstream: TestUpstream;
let gateway: TestGateway;
let forge: Server;
let forgePort = 0;
let forgeCa = "";
let namespace = "";
let pod: Pod;
const ports: Server[] = [];

const basic = (token: string): string => `Basic ${Buffer.from(`token:${token}`).toString("base64")}`;

beforeAll(async () => {
  test = await startSwarmPlane();
  upstream = await startTestUpstream(test.dir);
  // Answers every connection with what it is sent, so that both directions are seen.
  const identity = await serverIdentity(test.dir, "forge", ["DNS:localhost"]);
  forgeCa = identity.caPem;
  forge = createTlsServer(identity, (socket) => socket.pipe(socket));
  forge.listen(0, "127.0.0.1");
  await once(forge, "listening");
  forgePort = (forge.address() as AddressInfo).port;
  namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  await createAccount(test.admin, namespace, "enchanted-operator");
  await createModel(test.admin, namespace, "open", { endpoint: `${upstream.url}/v1` });
  await createMission(
    test.admin,
    { namespace, name: "fix" },
    { workspace: { repo: `https://localhost:${forgePort}/team/app.git` } },
  );
  ({ pod } = await createAgent(test.admin, { namespace, name: "fix-coder" }, { mission: "fix", model: "open" }));
  gateway = await startTestGateway(test, namespace, upstream);
}, 600_000);

afterAll(async () => {
  await gateway?.stop();
  await upstream?.stop();
  for (const server of [forge, ...ports]) server?.close();
  await test?.stop();
}, 60_000);

const fetchToken = (of: Pod): Promise<string> => tokenFor(test.admin, { namespace }, "enchanted-fetch", of);

const tunnelTo = async (authority: string, authorization: string | undefined) => {
  const { status, head, socket } = await connectThrough(gateway, authority, authorization);
  if (status !== 200) socket.destroy();
  return { status, head, socket };
};

describe("a tunnel", () => {
  it("reaches the mission's repository, in both directions, by bearer token or as Git sends it", async () => {
    const token = await fetchToken(pod);
    for (const authorization of [`Bearer ${token}`, basic(token)]) {
      const { status, socket } = await tunnelTo(`localhost:${forgePort}`, authorization);
      expect(status).toBe(200);
      const secured = await secureWithin(socket, "localhost", forgeCa);
      secured.write("over and back");
      const [chunk] = (await once(secured, "data")) as [Buffer];
      expect(chunk.toString()).toBe("over and back");
      secured.destroy();
    }
  });

  it("carries Git's own TLS to the repository", async () => {
    const { port } = new URL(upstream.url);
    const repo = `https://localhost:${port}/team/app.git`;
    await createMission(test.admin, { namespace, name: "git" }, { workspace: { repo } });
    const git = await createAgent(test.admin, { namespace, name: "git-coder" }, { mission: "git", model: "open" });
    const line = (text: string): string => `${(text.length + 4).toString(16).padStart(4, "0")}${text}`;
    const commit = "1".repeat(40);
    upstream.respond((_, response) =>
      response
        // A curl with GnuTLS may read what came within two layers of TLS only once the connection ends.
        .writeHead(200, { "content-type": "application/x-git-upload-pack-advertisement", connection: "close" })
        .end(`${line("# service=git-upload-pack\n")}0000${line(`${commit} refs/heads/main\0\n`)}0000`),
    );
    const proxyCa = join(test.dir, "gateway-ca.pem");
    await writeFile(proxyCa, gateway.caPem);
    const config = {
      "http.proxy": `https://token:${await fetchToken(git.pod)}@127.0.0.1:${gateway.port}`,
      "http.proxyAuthMethod": "basic",
      "http.proxySSLCAInfo": proxyCa,
      "http.sslCAInfo": upstream.caFile,
    };
    const settings = Object.entries(config).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const { stdout } = await promisify(execFile)("git", [...settings, "ls-remote", repo], {
      env: { PATH: process.env["PATH"], HOME: test.dir, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" },
    });
    expect(stdout).toBe(`${commit}\trefs/heads/main\n`);
  }, 30_000);

  it("goes nowhere else: not to another port, another name of the same machine, or the API server", async () => {
    const authorization = `Bearer ${await fetchToken(pod)}`;
    for (const target of [
      `localhost:${forgePort + 1}`,
      `127.0.0.1:${forgePort}`,
      new URL(test.plane.url).host,
      "169.254.169.254:80",
    ]) {
      const { status, head } = await tunnelTo(target, authorization);
      expect({ target, status }).toEqual({ target, status: 403 });
      expect(head).toContain("target_not_allowed");
    }
    expect((await tunnelTo("no-port", authorization)).status).toBe(400);
  });

  it("is refused without a token, with the scribe's, and to a pod that nobody knows", async () => {
    const target = `localhost:${forgePort}`;
    const without = await tunnelTo(target, undefined);
    expect(without.status).toBe(407);
    expect(without.head).toMatch(/proxy-authenticate: Basic/i);
    const scribes = await tokenFor(test.admin, { namespace }, "enchanted-collector", pod);
    const refused = await tunnelTo(target, `Bearer ${scribes}`);
    expect([refused.status, refused.head]).toEqual([403, expect.stringContaining("host_not_allowed")]);
    const operators = await tokenFor(test.admin, { namespace }, "enchanted-gateway", pod);
    expect((await tunnelTo(target, `Bearer ${operators}`)).status).toBe(407);
    const stranger = await createPod(test.admin, namespace, "stranger");
    expect((await tunnelTo(target, `Bearer ${await fetchToken(stranger)}`)).status).toBe(403);
  });

  it("is refused from the moment that the mission's Secret is taken back, and given again with it", async () => {
    const target = `localhost:${forgePort}`;
    const repositories = `https://${target}/team/*`;
    const marks = { use: "git", repositories } as const;
    await createSecret(test.admin, { namespace, name: "lent" }, marks, { username: "a", password: "b" });
    const workspace = { repo: `https://${target}/team/app.git`, secretRef: { name: "lent" } };
    await createMission(test.admin, { namespace, name: "lent" }, { workspace });
    const made = await createAgent(test.admin, { namespace, name: "lent-coder" }, { mission: "lent", model: "open" });
    const authorization = `Bearer ${await fetchToken(made.pod)}`;
    const statusNow = async (): Promise<number> => {
      const { status, socket } = await tunnelTo(target, authorization);
      socket.destroy();
      return status;
    };
    const list = async (value: string): Promise<void> => {
      const { uid, resourceVersion } = (await test.admin.get(secrets, { namespace, name: "lent" })).metadata;
      const annotations = { "swarm.enchanted.dev/repositories": value };
      await test.admin.patch(secrets, { namespace, name: "lent", uid, resourceVersion }, { metadata: { annotations } });
    };
    expect(await statusNow()).toBe(200);
    await list(`https://${target}/team/other`);
    const refused = await tunnelTo(target, authorization);
    expect([refused.status, refused.head]).toEqual([403, expect.stringMatching(/secret_not_allowed.*"[^"]*lent/s)]);
    await list(repositories);
    expect(await statusNow()).toBe(200);
  });

  it("is given to the verifier that the mission names, and to no other that claims so", async () => {
    const name = "check-verify-1";
    const verifier = await createPod(test.admin, namespace, name);
    await createMission(
      test.admin,
      { namespace, name: "check" },
      { workspace: { repo: `https://localhost:${forgePort}/team/app.git` } },
      { verification: { attempt: 1, podName: name, podUID: verifier.metadata.uid, commit: "0".repeat(40) } },
    );
    const target = `localhost:${forgePort}`;
    const { status, socket } = await tunnelTo(target, `Bearer ${await fetchToken(verifier)}`);
    expect(status).toBe(200);
    socket.destroy();
    const fake = await createPod(test.admin, namespace, "fix-verify-1");
    const waiting = await tunnelTo(target, `Bearer ${await fetchToken(fake)}`);
    expect(waiting.status).toBe(503);
    expect(waiting.head).toMatch(/retry-after: 2/i);
  }, 30_000);

  it("waits for a pod that calls before the operator has written it down", async () => {
    const early = await createPod(test.admin, namespace, "late-coder-1");
    const token = await fetchToken(early);
    const asked = tunnelTo(`localhost:${forgePort}`, `Bearer ${token}`);
    await createAgent(test.admin, { namespace, name: "late-coder" }, { mission: "fix", model: "open" }, early);
    const { status, socket } = await asked;
    expect(status).toBe(200);
    socket.destroy();
  }, 30_000);
});

describe("a check", () => {
  const check = async (body: unknown, account = "enchanted-operator") => {
    const token = await tokenFor(test.admin, { namespace, name: account }, "enchanted-gateway");
    const got = await post(gateway, "/internal/v1/check", token, body);
    return { status: got.status, ...(JSON.parse(got.body) as { ok?: boolean; reason?: string; message?: string }) };
  };
  const model = (name: string) => ({ kind: "Model", namespace, name });
  const answer = (status: number) => upstream.respond((_, response) => response.writeHead(status).end("{}"));
  const known = (name: string) =>
    eventually("the cache knows it", async () => (await check(model(name))).reason !== "ModelNotFound");

  it("is answered to the operator only", async () => {
    expect((await check(model("open"), "default")).status).toBe(403);
    expect((await post(gateway, "/internal/v1/check", undefined, model("open"))).status).toBe(401);
    expect((await check({ kind: "Nonsense" })).status).toBe(400);
  });

  it("of a Model tells what its endpoint says to the list of models", async () => {
    answer(200);
    expect(await check(model("open"))).toMatchObject({ ok: true, reason: "ProbeSucceeded" });
    answer(401);
    expect(await check(model("open"))).toMatchObject({ ok: false, reason: "AuthenticationFailed" });
    answer(500);
    expect(await check(model("open"))).toMatchObject({ ok: false, reason: "EndpointUnreachable" });
    expect(await check(model("missing"))).toMatchObject({ ok: false, reason: "ModelNotFound" });
  });

  it("of a Model whose endpoint lists no models asks it for one token", async () => {
    upstream.asked.length = 0;
    upstream.respond((asked, response) => response.writeHead(asked.method === "GET" ? 404 : 200).end("{}"));
    expect(await check(model("open"))).toMatchObject({ ok: true });
    expect(upstream.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /v1/models",
      "POST /v1/chat/completions",
    ]);
    expect(JSON.parse(upstream.asked[1]?.body ?? "")).toMatchObject({ max_tokens: 1 });
    answer(404);
    const { host } = new URL(upstream.url);
    expect(await check(model("open"))).toMatchObject({
      ok: false,
      message: `https://${host}/v1/chat/completions is not there (404): check port and path of spec.endpoint, and spec.model`,
    });
    await createModel(test.admin, namespace, "no-version", { endpoint: upstream.url });
    await known("no-version");
    expect(await check(model("no-version"))).toMatchObject({
      ok: false,
      message: expect.stringContaining("spec.endpoint must end with the version, such as /v1"),
    });
  });

  it("of a Model at a port where nobody listens, and of one without its Secret", async () => {
    await createModel(test.admin, namespace, "nobody", { endpoint: "https://localhost:1/v1" });
    await known("nobody");
    expect(await check(model("nobody"))).toMatchObject({ ok: false, reason: "EndpointUnreachable" });
    await createModel(test.admin, namespace, "keyless", { apiKeySecretRef: { name: "none", key: "apiKey" } });
    await known("keyless");
    expect(await check(model("keyless"))).toMatchObject({ ok: false, reason: "SecretNotFound" });
  });

  it.each([
    ["accented", "sk-clé"],
    ["cyrillic", "sk-ключ"],
    ["of-two-lines", "sk-first\nsk-second"],
  ])("of a Model whose key is %s blames the Secret, and does not tell the key", async (name, apiKey) => {
    const hosts = new URL(upstream.url).host;
    await createSecret(test.admin, { namespace, name }, { use: "model", hosts }, { apiKey });
    const apiKeySecretRef = { name, key: "apiKey" };
    await createModel(test.admin, namespace, name, { endpoint: `${upstream.url}/v1`, apiKeySecretRef });
    await known(name);
    const told = await check(model(name));
    expect(told).toMatchObject({ ok: false, reason: "SecretInvalid", message: expect.stringContaining(`/${name}"`) });
    expect(JSON.stringify(told)).not.toContain("sk-");
  });

  it.each(["http://h.svc:99999/v1", "http://h.svc:http/v1", "http://bad%zz.h/v1", "http://[::1/v1"])(
    "of a Model is never asked where its endpoint is no URL: %s is refused",
    async (endpoint) => {
      await expect(createModel(test.admin, namespace, "no-url", { endpoint })).rejects.toThrow("endpoint is no URL");
    },
  );

  it("of a Model whose endpoint no client can dial says so", async () => {
    await createModel(test.admin, namespace, "no-address", { endpoint: "http://999.1.1.1/v1" });
    await known("no-address");
    expect(await check(model("no-address"))).toMatchObject({
      ok: false,
      reason: "EndpointUnreachable",
      message: 'spec.endpoint "http://999.1.1.1/v1" is no URL: check its host and its port',
    });
  });

  /** A port that answers what it is told to whoever writes to it. */
  const portSaying = async (answer: string): Promise<number> => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.once("data", () => socket.end(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports.push(server);
    return (server.address() as AddressInfo).port;
  };
  const http = (head: string, body: string): string =>
    `HTTP/1.1 ${head}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;

  it.each([
    ["a-closed-port", "https", undefined, "nothing listens at that port"],
    ["plain-text", "https", http("400 Bad Request", "Bad Request"), "speaks no TLS"],
    ["another-protocol", "https", "SSH-2.0-OpenSSH_9.2\r\n", "speaks no TLS"],
    ["no-http", "http", "SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"],
    [
      "a-tls-port",
      "http",
      http("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n"),
      "speaks TLS: begin spec.endpoint with https://",
    ],
    ["a-web-page", "http", http("200 OK\r\ncontent-type: text/html", "<html></html>"), "answers with a web page"],
  ])("of a Model at %s tells the cause in words", async (name, scheme, says, words) => {
    const port = says === undefined ? 1 : await portSaying(says);
    await createModel(test.admin, namespace, name, { endpoint: `${scheme}://localhost:${port}/v1` });
    await known(name);
    expect(await check(model(name))).toMatchObject({
      ok: false,
      reason: "EndpointUnreachable",
      message: expect.stringContaining(words),
    });
  });

  it("of a namespace tells whether it runs missions", async () => {
    expect(await check({ kind: "Tenant", namespace })).toMatchObject({ ok: true });
    expect(await check({ kind: "Tenant", namespace: "kube-public" })).toMatchObject({
      ok: false,
      reason: "NotTenant",
      message: expect.stringContaining("kube-public"),
    });
  });

  it("of a Git Secret tells whether it may be used for the repository, not only at its host", async () => {
    await createSecret(
      test.admin,
      { namespace, name: "forge" },
      { use: "git", repositories: "https://git.example/team/app" },
      { username: "a", password: "b" },
    );
    const git = (repo: string, name = "forge") => check({ kind: "GitSecret", namespace, name, repo });
    expect(await git("https://git.example/team/app.git")).toMatchObject({ ok: true });
    for (const repo of ["https://evil.example/team/app.git", "https://git.example/payroll/app.git"])
      expect(await git(repo)).toMatchObject({ ok: false, reason: "SecretNotAllowed" });
    expect(await git("https://git.example/team/app.git", "none")).toMatchObject({
      ok: false,
      reason: "SecretNotFound",
    });
  });
});
