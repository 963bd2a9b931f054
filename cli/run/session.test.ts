import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCallLinks } from "#nervous-system/codecs/otlp/call-links.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { countingIds } from "#nervous-system/schemas/ids.ts";
import type { Host } from "../host.ts";
import type { Observer } from "../observe/observer.ts";
import type { OpenRecording } from "../record/open-recording.ts";
import { openWays, type Session } from "./session.ts";

let place: string;
let model: Server;
let session: Session;
let attended: number;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "session-"));
  model = createServer((asked, answer) => void asked.resume().once("end", () => answer.end("{}")));
  await once(model.listen(0, "127.0.0.1"), "listening");
  const env = { HOME: place, OPENAI_BASE_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}` };
  const host = { env, cwd: place, clock: systemClock(), ids: countingIds() } as unknown as Host;
  const recorded = async () => ({ ok: true, seq: 1, eventId: "e" }) as const;
  const record = {
    hear: recorded,
    line: recorded,
    soon: () => undefined,
    settle: () => Promise.resolve(),
    calls: createCallLinks(),
  };
  attended = 0;
  const observer = { attend: () => void (attended += 1) } as unknown as Observer;
  const parts = {
    host,
    options: {},
    program: ["x"],
    recording: { record, sending: undefined } as unknown as OpenRecording,
    directory: { path: place, socketPath: join(place, "s") },
    trace: { ids: { traceId: "a".repeat(32), spanId: "b".repeat(16) }, traceparent: "" },
    secret: "5e".repeat(16),
  };
  session = await openWays(parts, observer);
});
afterEach(async () => {
  await Promise.all([session.models?.close(0), session.otlp?.close(), session.socket.close(0)]);
  model.closeAllConnections();
  model.close();
  await rm(place, { recursive: true });
});

describe("the observer's attention", () => {
  it("is had by a call of a model, as it begins and as it ends", async () => {
    const asked = once(model, "request");
    const base = session.models?.variables["OPENAI_BASE_URL"];
    const answer = fetch(`${base}/chat/completions`, { method: "POST", body: '{"model":"m"}' });
    await asked;
    expect(attended).toBe(1);
    await (await answer).text();
    await session.models?.close(0);
    expect(attended).toBe(2);
  });

  it("is had by a line on the socket", async () => {
    const socket = connect(session.socketPath).on("error", () => undefined);
    socket.write('{"event_type":"THOUGHT","text":"x"}\n');
    await once(socket, "data");
    socket.destroy();
    expect(attended).toBe(1);
  });

  it("is had by telemetry that tells something, and not by measurements", async () => {
    const post = (path: string, body: object): Promise<Response> =>
      fetch(`http://127.0.0.1:${session.otlp?.port}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    await post("/v1/metrics", {});
    expect(attended).toBe(0);
    const span = {
      traceId: "a".repeat(32),
      spanId: "b".repeat(16),
      name: "work",
      startTimeUnixNano: "1",
      endTimeUnixNano: "2",
    };
    await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    expect(attended).toBe(1);
  });
});
