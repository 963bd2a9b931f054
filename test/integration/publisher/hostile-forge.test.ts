import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createForgeFetch } from "#supervisor/forge/forge-fetch.ts";
import type { Flavour } from "#supervisor/forge/open-forge.ts";
import { createOctokitForge } from "#supervisor/forge/octokit-forge.ts";

const clock = systemClock();
const fetch = createForgeFetch({ timeoutMs: 60_000, clock });
const open = new Set<Socket>();
/** Bodies of what the GitHub in miniature was asked. */
const bodies: string[] = [];
let server: Server | HttpServer | undefined;

afterEach(async () => {
  for (const socket of open) socket.destroy();
  bodies.length = 0;
  await new Promise((resolve) => server?.close(resolve));
});

const answering = async (bytes: string): Promise<string> => {
  server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("data", () => socket.write(bytes));
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** A GitHub in miniature: what it answers by path. */
const gitHubAnswering = async (
  answers: Readonly<Record<string, { status: number; headers?: Record<string, string>; body?: unknown }>>,
): Promise<string> => {
  const http = createHttpServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    const { status, headers = {}, body = {} } = answers[path] ?? { status: 404 };
    let asked = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (asked += chunk));
    request.on("end", () => bodies.push(asked));
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  });
  server = http;
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
};

const gitHubForge = (apiUrl: string) =>
  createOctokitForge({
    flavour: { kind: "GitHub", apiUrl, authorization: () => "Bearer x" },
    repository: { forge: new URL("https://github.com/"), owner: "o", name: "r" },
    credentials: { username: "u", password: "p" },
    fetch,
    clock,
  });

describe("GitHub", () => {
  it("says where a repository is that has another name now", async () => {
    const apiUrl = await gitHubAnswering({
      "/repos/o/r/pulls": { status: 301, headers: { location: "/repositories/42/pulls" } },
      "/repositories/42": { status: 200, body: { clone_url: "https://github.com/o/renamed.git" } },
    });
    const forge = gitHubForge(apiUrl);
    for (const answer of [
      await forge.findPullRequest("b", "c"),
      await forge.openPullRequest({ branch: "b", base: "main", title: "t", body: "" }),
    ])
      expect(answer).toMatchObject({
        kind: "refused",
        reason: "Redirected",
        message: expect.stringContaining("https://github.com/o/renamed.git"),
      });
  });

  it("is not followed to another host, which would get the credential", async () => {
    const apiUrl = await gitHubAnswering({
      "/repos/o/r/pulls": { status: 302, headers: { location: "https://elsewhere.example/repositories/42" } },
    });
    expect(await gitHubForge(apiUrl).findPullRequest("b", "c")).toMatchObject({
      kind: "refused",
      message: expect.stringContaining("https://elsewhere.example/repositories/42"),
    });
  });

  it("is left alone for as long as it asks", async () => {
    const message = "You have exceeded a secondary rate limit.";
    const apiUrl = await gitHubAnswering({
      "/repos/o/r/pulls": { status: 403, headers: { "retry-after": "77" }, body: { message } },
    });
    expect(
      await gitHubForge(apiUrl).openPullRequest({ branch: "b", base: "main", title: "t", body: "" }),
    ).toMatchObject({
      kind: "retry",
      afterMs: 77_000,
    });
  });

  it("is left alone when content comes too fast, which it tells beside the message", async () => {
    const body = { message: "Validation Failed", errors: [{ message: "was submitted too quickly" }] };
    const apiUrl = await gitHubAnswering({ "/repos/o/r/pulls": { status: 422, body } });
    expect(
      await gitHubForge(apiUrl).openPullRequest({ branch: "b", base: "main", title: "t", body: "" }),
    ).toMatchObject({
      kind: "retry",
      afterMs: 60_000,
    });
  });
});

describe("a fork at GitHub", () => {
  const robot = { status: 200, body: { login: "robot" } };
  const base = { status: 200, body: { id: 7 } };
  const told = (change: object = {}) => ({ owner: { login: "robot" }, name: "r", parent: { id: 7 }, ...change });
  const fork = { owner: "robot", name: "r", url: "https://github.com/robot/r.git" };

  it("is found by who the credential is of, and by the number of what it was forked from", async () => {
    const there = { status: 200, body: told() };
    const apiUrl = await gitHubAnswering({ "/user": robot, "/repos/o/r": base, "/repos/robot/r": there });
    expect(await gitHubForge(apiUrl).findFork()).toEqual({ kind: "ok", value: { ...fork, isThere: true } });
  });

  it("is made where there is none, or found where it has another name", async () => {
    const away = { status: 301, headers: { location: "/repositories/9" } };
    const made = { status: 202, body: told({ name: "r-of-old" }) };
    const answers = { "/user": robot, "/repos/o/r": base, "/repos/robot/r": away, "/repos/o/r/forks": made };
    const forge = gitHubForge(await gitHubAnswering(answers));
    expect(await forge.findFork()).toEqual({ kind: "ok", value: { ...fork, isThere: false } });
    expect(await forge.makeFork()).toMatchObject({ value: { url: "https://github.com/robot/r-of-old.git" } });
  });

  it("is not looked for with the credential of no user, such as that of an app", async () => {
    const body = { message: "Resource not accessible by integration" };
    const apiUrl = await gitHubAnswering({ "/user": { status: 403, body } });
    expect(await gitHubForge(apiUrl).findFork()).toMatchObject({ kind: "refused", reason: "AuthenticationFailed" });
  });

  it.each([
    ["a user", { "/user": { status: 200, body: { login: "../o" } } }],
    ["a repository", { "/repos/robot/r": { status: 200, body: told({ name: ".." }) } }],
    ["an owner", { "/repos/robot/r": { status: 200, body: told({ owner: { login: "a/b" } }) } }],
  ])("is not believed to be of %s whose name leads elsewhere", async (_, change) => {
    const there = { status: 200, body: told() };
    const apiUrl = await gitHubAnswering({ "/user": robot, "/repos/o/r": base, "/repos/robot/r": there, ...change });
    expect((await gitHubForge(apiUrl).findFork()).kind).not.toBe("ok");
  });

  it("keeps out who may change the repository, and its pull request is known by the fork alone", async () => {
    const pull = (number: number, repo: string | null) => ({
      html_url: `https://github.com/o/r/pull/${number}`,
      number,
      title: "t",
      state: "open",
      merged_at: null,
      head: { ref: "b", sha: "c", repo: repo === null ? null : { full_name: repo } },
    });
    const apiUrl = await gitHubAnswering({
      "/repos/o/r/pulls": {
        status: 200,
        body: [pull(1, null), pull(2, "mallory/r"), pull(3, "o/r"), pull(4, "robot/r")],
      },
    });
    const forge = gitHubForge(apiUrl);
    expect(await forge.findPullRequest("b", "c", fork)).toMatchObject({ value: { number: 4 } });
    expect(await forge.findPullRequest("b", "c")).toMatchObject({ value: { number: 3 } });
    bodies.length = 0;
    const draft = { branch: "b", base: "main", title: "t", body: "" };
    for (const one of [{ ...draft, fork }, draft]) await forge.openPullRequest(one);
    expect(bodies.map((body) => JSON.parse(body) as object)).toEqual([
      expect.objectContaining({ head: "robot:b", maintainer_can_modify: false, allow_maintainer_edit: false }),
      { base: "main", title: "t", body: "", head: "b" },
    ]);
  });
});

describe("a forge that does not behave", () => {
  it("fails the request when it answers with a protocol that nobody asked for", async () => {
    const url = await answering("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
    await expect(fetch(url)).rejects.toThrow("closed without an answer");
  });

  const good = { html_url: "https://forge.example/o/r/pulls/1", number: 1 };
  it.each([
    ["an address that fits no frame", { ...good, html_url: `https://forge.example/${"x".repeat(300_000)}` }],
    ["an address that is no web page", { ...good, html_url: "javascript:alert(1)" }],
    ["a number that is none", { ...good, number: -1.5 }],
    ["a number beyond every count", { ...good, number: 1e20 }],
  ])("is not believed %s", async (_, told) => {
    const pull = { ...told, title: "t", state: "open", merged_at: null, head: { ref: "b", sha: "c" } };
    const body = JSON.stringify(pull);
    const apiUrl = await answering(
      `HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const flavour: Flavour = { kind: "Gitea", apiUrl, authorization: () => "Basic eA==" };
    const forge = createOctokitForge({
      flavour,
      repository: { forge: new URL(apiUrl), owner: "o", name: "r" },
      credentials: { username: "u", password: "p" },
      fetch,
      clock,
    });
    const opened = await forge.openPullRequest({ branch: "b", base: "main", title: "t", body: "" });
    expect(opened.kind).not.toBe("ok");
  });
});
