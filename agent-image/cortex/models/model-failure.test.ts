import { describe, expect, it } from "@jest/globals";
import { APICallError } from "ai";
import { AnswerTooLarge } from "./provider.ts";
import { classifyModelError, ModelTimeout } from "./model-failure.ts";

const now = Date.parse("2026-01-01T00:00:00Z");

const answered = (statusCode: number | undefined, headers: Record<string, string> = {}): APICallError =>
  new APICallError({
    message: "words",
    url: "http://model",
    requestBodyValues: {},
    responseHeaders: headers,
    ...(statusCode === undefined ? {} : { statusCode }),
  });

describe("a failed model call", () => {
  it.each([
    ["429", answered(429), "retry", "ModelRateLimited"],
    ["500", answered(500), "retry", "ModelUnavailable"],
    ["529", answered(529), "retry", "ModelUnavailable"],
    ["no connection", answered(undefined), "retry", "ModelUnreachable"],
    ["a 200 that cannot be read", answered(200), "retry", "ModelNonsense"],
    [
      "a time limit inside another error",
      new Error("aborted", { cause: new ModelTimeout("x") }),
      "retry",
      "ModelTimeout",
    ],
    [
      "a size limit inside another error",
      new Error("failed", { cause: new AnswerTooLarge("x") }),
      "retry",
      "ModelNonsense",
    ],
    ["401", answered(401), "stop", "ModelUnauthorized"],
    ["404", answered(404), "stop", "ModelNotFound"],
    ["400", answered(400), "stop", "ModelRequestRefused"],
  ])("with %s", (_name, error, kind, reason) => {
    expect(classifyModelError(error, now)).toMatchObject({ kind, reason });
  });

  it.each([
    ["seconds", "7", 7_000],
    ["a date", "Thu, 01 Jan 2026 00:00:05 GMT", 5_000],
    ["a date gone by", "Wed, 31 Dec 2025 00:00:05 GMT", 0],
  ])("is tried again when the provider says, in %s", (_name, value, afterMs) => {
    expect(classifyModelError(answered(429, { "retry-after": value }), now)).toMatchObject({ afterMs });
  });

  it("has no time of its own when the provider says nothing that can be read", () => {
    expect(classifyModelError(answered(429, { "retry-after": "soon" }), now)).not.toHaveProperty("afterMs");
  });
});
