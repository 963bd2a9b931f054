// Runs within the agent's container of a real pod until its time is over: presses on whatever it can reach, in all ways at once.
import { randomBytes } from "node:crypto";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { setTimeout } from "node:timers/promises";
import { exportLogs } from "#nervous-system/comms/grpc/methods.ts";
import { sayMessage } from "#test/builders/half-call.ts";
import { createPresses } from "#test/builders/presses.ts";
import type { Siege } from "../siege.ts";

const { seconds, gateway, collector } = JSON.parse(process.argv[2] ?? "{}") as Siege;
const until = performance.now() + seconds * 1000;
const done: Record<string, number> = {};
const count = (what: string): void => void (done[what] = (done[what] ?? 0) + 1);
const ignore = (): void => undefined;
const report = (): void => {
  console.log(JSON.stringify(done));
  for (const what of Object.keys(done)) delete done[what];
};
/** Now and then, since the pod may be killed for what it does. */
setInterval(report, 5000).unref();

/** Acts again and again until the time is over, with a pause of `pauseMs` between. */
const again = async (what: string, pauseMs: number, act: () => Promise<unknown> | void): Promise<void> => {
  while (performance.now() < until) {
    await Promise.resolve(act()).catch(ignore);
    count(what);
    await setTimeout(pauseMs);
  }
};

const ports = { SERVICE: 4320, OTLP: 4317, OTLP_HTTP: 4318, PROXY: 4323, MODEL: 4321 } as const;
const MIB = 1024 * 1024;

/** Holds the scribe's memory in one way after the other; the agent's own container has room for a part of it only. */
const pressOnScribe = async (): Promise<void> => {
  const presses = createPresses(
    {
      portOf: (name) => ports[name],
      socket: () => process.env["ENCHANTED_SOCKET"] ?? "",
      largeBlob: `sha256:${"1a".repeat(32)}`,
    },
    0.05,
  );
  for (let turn = 0; performance.now() < until; turn += 1) {
    const [what = "", press] = presses.all[turn % presses.all.length] ?? [];
    press?.();
    count(what);
    await setTimeout(1500);
    presses.letGo();
  }
};

/** Connections that say nothing, as many as there are descriptors for, renewed as they are closed. */
const holdConnections = async (): Promise<void> => {
  const held = new Set<TLSSocket>();
  for (; performance.now() < until; await setTimeout(20)) {
    if (held.size >= 400) continue;
    const socket = connectTls({ ...gateway, rejectUnauthorized: false });
    held.add(socket);
    socket.on("error", ignore).once("close", () => held.delete(socket));
    count("idle TLS connections to the gateway");
  }
  for (const socket of held) socket.destroy();
};

const bearer = (): string => `Bearer ${randomBytes(300).toString("base64url")}`;

const askGateway = (): Promise<unknown> =>
  new Promise((resolve) => {
    const headers = { authorization: bearer(), "content-type": "application/json" };
    const asking = secureRequest({
      ...gateway,
      method: "POST",
      path: "/openai/v1/chat/completions",
      headers,
      rejectUnauthorized: false,
    });
    asking.once("response", (answer) => answer.resume().once("close", resolve)).once("error", resolve);
    asking.end('{"model":"m"}');
  });

/** Messages of 16 MiB without a token that lack their last byte, on one connection. */
const halfSayToCollector = async (): Promise<void> => {
  const session = connectHttp2(`https://${collector.host}:${collector.port}`, { rejectUnauthorized: false });
  session.on("error", ignore);
  sayMessage(session, exportLogs.path, 16 * MIB, 1);
  await setTimeout(3000);
  session.destroy();
};

// As many members as a body may have, and slow to read.
const manyKeys = `{"model":"m","messages":[],${Array.from({ length: 199_000 }, (_, at) => `"k${at}":1`).join(",")}}`;

const askForMany = (): Promise<unknown> =>
  new Promise((resolve) => {
    const asking = request({
      host: "127.0.0.1",
      port: ports.MODEL,
      method: "POST",
      path: "/openai/v1/chat/completions",
      headers: { "content-type": "application/json" },
    });
    asking.once("response", (answer) => answer.resume().once("close", resolve)).once("error", resolve);
    asking.end(manyKeys);
  });

const tunnel = (): Promise<unknown> =>
  new Promise((resolve) => {
    const asking = request({ host: "127.0.0.1", port: ports.PROXY, method: "CONNECT", path: "gitea.forge.svc:443" });
    asking.once("connect", (_, socket) => {
      socket.on("error", ignore).once("close", resolve).end("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    });
    asking.once("error", resolve).end();
  });

await Promise.all([
  pressOnScribe(),
  holdConnections(),
  again("calls of the gateway with a token that is made up", 50, askGateway),
  again("messages to the collector that never end", 500, halfSayToCollector),
  again("requests with 199,000 members", 1000, askForMany),
  again("tunnels that carry no TLS", 200, tunnel),
]);
report();
process.exit();
