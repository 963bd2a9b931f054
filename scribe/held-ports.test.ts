import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { listen, type Place } from "#nervous-system/comms/socket/listen.ts";
import { scribePort } from "#nervous-system/schemas/scribe-ports.ts";
import { freePorts } from "#platform/process/ports.ts";
import { scribeEnvironment } from "./config.ts";
import { awaitHeldPorts, unheldPorts, type PortsConfig } from "./held-ports.ts";

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await new Promise((closed) => server.close(closed));
});

const take = async (how: Place): Promise<void> => {
  const server = createServer();
  await listen(server, how);
  open.push(server);
};

const config = async (given: Partial<PortsConfig> = {}): Promise<PortsConfig & { ports: number[] }> => {
  const ports = await freePorts(5, "0.0.0.0");
  const [service = 0, otlp = 0, otlpHttp = 0, models = 0, proxy = 0] = ports;
  return {
    ports,
    ENCHANTED_PORTS_HELD: "true",
    ENCHANTED_SERVICE_PORT: service,
    ENCHANTED_OTLP_PORT: otlp,
    ENCHANTED_OTLP_HTTP_PORT: otlpHttp,
    ENCHANTED_MODEL_PORT: models,
    ENCHANTED_PROXY_PORT: proxy,
    ...given,
  };
};

describe("the ports of a scribe", () => {
  it("are all among those that a pod holds", () => {
    const names = Object.keys(scribeEnvironment.shape).filter((name) => name.endsWith("_PORT"));
    const byDefault = Object.entries(scribeEnvironment.shape)
      .filter(([name]) => name.endsWith("_PORT") && name !== "ENCHANTED_PROXY_PORT")
      .map(([, schema]) => schema.parse(undefined));
    expect(new Set([...byDefault, scribePort.proxy])).toEqual(new Set(Object.values(scribePort)));
    expect(names).toHaveLength(Object.keys(scribePort).length);
  });

  it("are not asked about where nobody is to hold them", async () => {
    expect(await unheldPorts(await config({ ENCHANTED_PORTS_HELD: "false" }))).toEqual([]);
  });

  it("are not held by nobody, nor by one who shares them with nobody, nor on another address alone", async () => {
    const { ports, ...given } = await config();
    expect(await unheldPorts(given)).toEqual(ports);
    const [alone = 0, elsewhere = 0, ...others] = ports;
    await take({ port: alone, host: "0.0.0.0" });
    await take({ port: elsewhere, host: "127.0.0.1", reusePort: true });
    for (const port of others) await take({ port, host: "0.0.0.0", reusePort: true });
    expect(await unheldPorts(given)).toEqual([alone, elsewhere]);
  });

  it("are held where the same user has all addresses and shares them, beside the scribe's own listeners", async () => {
    const { ports, ...given } = await config();
    for (const port of ports) await take({ port, host: "0.0.0.0", reusePort: true });
    for (const port of ports) await take({ port, host: "127.0.0.1", reusePort: true });
    expect(await unheldPorts(given)).toEqual([]);
  });
});

describe("a scribe that starts", () => {
  const pass = async (clock: ManualClock, seconds: number): Promise<void> => {
    for (let tenth = 0; tenth < seconds * 10; tenth += 1) await clock.advance(100);
  };
  const started = (unheld: () => Promise<number[]>, isRestart = false) => {
    const clock = manualClock();
    const said: string[] = [];
    const log = { ...silentLog, error: (_: unknown, words: string) => void said.push(words) };
    return { clock, said, result: awaitHeldPorts({ unheld, isRestart, clock, log }) };
  };

  it("waits until its ports are held, and ends where nobody comes to hold them", async () => {
    let ports = [4317];
    const patient = started(() => Promise.resolve(ports));
    await pass(patient.clock, 20);
    ports = [];
    await pass(patient.clock, 1);
    await patient.result;
    expect(patient.said).toHaveLength(1);
    const lonely = started(() => Promise.resolve([4317]));
    const failure = lonely.result.catch(String);
    await pass(lonely.clock, 40);
    expect(await failure).toContain("nobody holds the ports 4317");
  });

  it("goes on where an agent works beside it already, and says so", async () => {
    const again = started(() => Promise.resolve([4317]), true);
    await again.result;
    expect(again.said).toEqual([expect.stringContaining("nobody holds these ports")]);
  });
});
