import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it } from "@jest/globals";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { askMethod } from "#nervous-system/comms/grpc/methods.ts";
import { startGrpcServer } from "#nervous-system/comms/grpc/server.ts";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { recall } from "#nervous-system/schemas/questions/recall.ts";
import { AskPartSchema, AskRequestSchema } from "#nervous-system/schemas/gen/reader_pb.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { ReadStore } from "#pipeline/reader/answer.ts";
import { createAskService } from "#pipeline/reader/ask-service.ts";
import type { Authorise } from "#pipeline/reader/authorise.ts";
import { createReaderMetrics } from "#pipeline/reader/measure.ts";
import { waitFor } from "#platform/process/wait.ts";

const cleanups: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Whoever sends a token is the user of that name. */
const authorise = {
  authenticate: (token: string | undefined) => Promise.resolve({ username: token ?? "" }),
  namespaceFor: () => Promise.resolve("team-a"),
} as unknown as Authorise;

const row = {
  score: 1,
  text: "x".repeat(100_000),
  accepted: true,
  mission: "m",
  place: 1,
  libraries: [],
  files: [],
  sources: [],
  found_by: "words",
  outcome: "unknown",
  event_id: "e",
};

/** A store whose answers go on as long as they are taken. */
const endless: ReadStore = {
  name: "memory",
  questions: [recall],
  answer: () => ({
    statement: "",
    bound: {},
    batches: (async function* () {
      for (;;) yield { rows: [row], bytes: 0, rowsRead: 1, bytesRead: 1 };
    })(),
  }),
  trouble: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
};

describe("questions whose askers read nothing", () => {
  it("keep their places for a minute and no longer", async () => {
    const clock = { ...manualClock(), now: () => 0 };
    const metrics = createReaderMetrics(createRegistry());
    const handler = createAskService({ authorise, stores: [endless], metrics, clock });
    const server = await startGrpcServer({ address: "127.0.0.1:0", handlers: [handler], onError: () => {}, clock });
    cleanups.push(async () => {
      const closed = server.close(1_000);
      await clock.advance(1_000);
      await closed;
    });
    const request = create(AskRequestSchema, { query: "recall", paramsJson: '{"what":"a bug"}', limit: 10_000 });
    const bytes = Buffer.from(toBinary(AskRequestSchema, request));
    const askAs = (user: string) => {
      const address = `127.0.0.1:${server.port}`;
      const client = createGrpcClient({ address, clock: systemClock(), token: () => Promise.resolve(user) });
      cleanups.push(() => client.close());
      return client.serverStream(askMethod, bytes, { deadlineMs: 60_000 })[Symbol.asyncIterator]();
    };
    const asking = ["a", "a", "a", "a", "b", "b", "b", "b"].map(askAs);
    for (const answer of asking) expect((await answer.next()).done).toBe(false);
    await expect(askAs("c").next()).rejects.toMatchObject({ code: grpcStatus.unavailable });

    await clock.advance(60_000);
    const part = await waitFor(
      "somebody else is answered",
      async () => {
        const { value } = await askAs("c").next();
        return value === undefined ? undefined : fromBinary(AskPartSchema, value).part.case;
      },
      { timeoutMs: 3_000 },
    );
    expect(part).toBe("columns");
    const readOn = async (): Promise<void> => {
      for (let next = await asking[0]!.next(); next.done !== true; next = await asking[0]!.next()) continue;
    };
    await expect(readOn()).rejects.toMatchObject({ code: grpcStatus.deadlineExceeded });
  });
});
