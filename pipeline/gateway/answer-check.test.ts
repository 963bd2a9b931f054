import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { ApiError, ConnectionError } from "#nervous-system/kubernetes/errors.ts";
import { answerCheck } from "./answer-check.ts";
import type { ProbeTools } from "./check-model.ts";

const asked = (failure: Error) => {
  const body = { kind: "GitSecret", namespace: "new-job", name: "forge", repo: "https://git.example.org/team/app.git" };
  const secret = async (): Promise<never> => {
    throw failure;
  };
  const request = Object.assign(Readable.from([Buffer.from(JSON.stringify(body))]), { headers: {}, complete: true });
  return answerCheck(
    { view: { secret }, clock: manualClock() } as unknown as ProbeTools,
    request as unknown as IncomingMessage,
  );
};

describe("a check of a Secret", () => {
  it("in a namespace that is no tenant says so, and how to make it one", async () => {
    expect(await asked(new ApiError({ code: 403, reason: "Forbidden", message: "no" }))).toMatchObject({
      kind: "granted",
      value: { ok: false, reason: "NotTenant", message: expect.stringMatching(/"new-job".*`tenants`/) },
    });
  });

  it("is no answer where the API server gives none", async () => {
    await expect(asked(new ConnectionError("ECONNREFUSED", "away"))).rejects.toThrow("away");
  });
});
