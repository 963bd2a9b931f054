import { describe, expect, it } from "@jest/globals";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { aMission } from "#test/builders/mission.ts";
import { putRequest } from "./exchange-blobs.ts";

describe("the body of a model request", () => {
  it("is not tried again where the namespace has filled its share of the blobs, and the agent is told why", async () => {
    let tries = 0;
    const put = (): Promise<string> => {
      tries += 1;
      return Promise.reject(new GrpcFailure(grpcStatus.resourceExhausted, "the share of a is filled"));
    };
    const tools = { frames: { healthy: () => true }, blobs: { put }, clock: manualClock(), log: silentLog };
    const { signal } = new AbortController();
    const answer = await putRequest(tools, { mission: aMission(), body: { bytes: Buffer.from("{}") }, signal });
    expect(answer).toMatchObject({
      kind: "refused",
      refusal: {
        status: 503,
        type: "recording_unavailable",
        message: "the request is not sent, since the share of a is filled",
        retryAfterSeconds: 60,
      },
    });
    expect(tries).toBe(1);
  });
});
