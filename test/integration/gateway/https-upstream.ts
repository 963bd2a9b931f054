import type { IncomingMessage, ServerResponse } from "node:http";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ensureAuthority, ensureCertificate } from "#platform/cluster/certificates.ts";

/** What a provider in a test was asked. */
type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
};

/** A small provider over https whose answers a test scripts. */
export type TestUpstream = {
  readonly url: string;
  readonly caFile: string;
  readonly asked: Asked[];
  /** Answers every request from now on. */
  respond(answer: (request: Asked, response: ServerResponse) => void): void;
  stop(): Promise<void>;
};

/** The server's certificate for a name, and the file of the CA that signed it. */
export const serverIdentity = async (dir: string, name: string, altNames: readonly string[]) => {
  const ca = await ensureAuthority(dir, `${name}-ca`);
  const pair = await ensureCertificate(dir, ca, { name, commonName: name, altNames });
  return {
    ...pair,
    caFile: ca.certFile,
    caPem: await readFile(ca.certFile, "utf8"),
    cert: await readFile(pair.certFile, "utf8"),
    key: await readFile(pair.keyFile, "utf8"),
  };
};

/** Starts a provider on a free loopback port. */
export const startTestUpstream = async (dir: string): Promise<TestUpstream> => {
  const { cert, key, caFile } = await serverIdentity(dir, "provider", ["DNS:localhost", "IP:127.0.0.1"]);
  const asked: Asked[] = [];
  let respond: Parameters<TestUpstream["respond"]>[0] = (_, response) => response.writeHead(404).end();
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const seen = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
      asked.push(seen);
      respond(seen, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    caFile,
    asked,
    respond: (answer) => (respond = answer),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
