// P1 and R3, the load: agents that each send the next request when the last one is acknowledged.
import { readFileSync } from "node:fs";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { exportLogs } from "#nervous-system/comms/grpc/methods.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { decodeExportResponse } from "#nervous-system/codecs/otlp/status.ts";
import { encodeLogsRequest } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { exported, framesOfAgent } from "../harness/frames.ts";
import { plainLogs } from "../harness/plain-logs.ts";
import { programSettings, report } from "../harness/program.ts";
import type { BenchAgent } from "../harness/swarm.ts";

type Settings = {
  address: string;
  caFile: string;
  agents: BenchAgent[];
  /** Requests of each agent that were sent before, and are to be sent now. */
  skip: number;
  requests: number;
  perRequest: number;
  bytes: number;
  /** What stands in the requests: frames with their envelope, or plain log records with ten attributes. */
  content: "frames" | "plain";
};

const settings = programSettings() as Settings;
const clock = systemClock();
const caPem = readFileSync(settings.caFile, "utf8");

const requestsOf = ({ stamps }: BenchAgent): Buffer[] => {
  const { perRequest, skip, requests } = settings;
  if (settings.content === "plain")
    return Array.from({ length: requests }, (_, n) => plainLogs(perRequest, settings.bytes, (skip + n) * perRequest));
  const frames = exported(framesOfAgent(0, (skip + requests) * perRequest, settings.bytes, stamps));
  return Array.from({ length: requests }, (_, n) =>
    encodeLogsRequest(frames.slice((skip + n) * perRequest, (skip + n + 1) * perRequest)),
  );
};

const prepared = settings.agents.map((agent) => ({
  requests: requestsOf(agent),
  client: createGrpcClient({ address: settings.address, caPem, token: () => Promise.resolve(agent.token), clock }),
}));

let rejected = 0;
const started = performance.now();
await Promise.all(
  prepared.map(async ({ requests, client }) => {
    for (const request of requests) {
      const partial = decodeExportResponse(await client.unary(exportLogs, request, { deadlineMs: 60_000 }));
      rejected += partial?.rejected ?? 0;
    }
  }),
);
const seconds = (performance.now() - started) / 1000;
for (const { client } of prepared) client.close();
const sent = settings.agents.length * settings.requests * settings.perRequest;
report({ sent, rejected, perSecond: sent / seconds, requestBytes: prepared[0]?.requests[0]?.length ?? 0 });
