import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createForgeFetch } from "#supervisor/forge/forge-fetch.ts";
import type { Flavour } from "#supervisor/forge/open-forge.ts";
import { createOctokitForge } from "#supervisor/forge/octokit-forge.ts";

const clock = systemClock();
const fetch = createForgeFetch({ timeoutMs: 60_000, clock });
const open = new Set<Socket>();
let server: Server | undefined;

afterEach(async () => {
  for (const socket of open) socket.destroy();
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
    });
    const opened = await forge.openPullRequest({ branch: "b", base: "main", title: "t", body: "" });
    expect(opened.kind).not.toBe("ok");
  });
});
