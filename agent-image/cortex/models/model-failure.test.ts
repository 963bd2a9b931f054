import { describe, expect, it } from "@jest/globals";
import { APICallError } from "ai";
import { AnswerTooLarge } from "./provider.ts";
import { classifyModelError, ModelTimeout } from "./model-failure.ts";

const now = Date.parse("2026-01-01T00:00:00Z");

const answered = (
  statusCode: number | undefined,
  headers: Record<string, string> = {},
  responseBody?: string,
): APICallError =>
  new APICallError({
    message: "words",
    ...(responseBody === undefined ? {} : { responseBody }),
    url: "http://model",
    requestBodyValues: {},
    responseHeaders: headers,
    ...(statusCode === undefined ? {} : { statusCode }),
  });

/** What Gemini says of a quota that is exceeded. */
const exceeded = (quotaId?: string): string =>
  JSON.stringify([
    {
      error: {
        code: 429,
        message: "You exceeded your current quota",
        status: "RESOURCE_EXHAUSTED",
        details: [
          { "@type": "type.googleapis.com/google.rpc.Help" },
          {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            violations: [{ quotaMetric: "requests", quotaId }],
          },
        ],
      },
    },
  ]);

/** A refusal of the gateway. */
const refusal = (type: string, message: string): string => JSON.stringify({ error: { type, message } });

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
    ["402", answered(402), "stop", "ModelQuotaExhausted"],
    ["405", answered(405), "stop", "ModelNotFound"],
    ["410", answered(410), "stop", "ModelNotFound"],
    ["418", answered(418), "stop", "ModelRequestRefused"],
    ["451", answered(451), "stop", "ModelForbidden"],
    ["501", answered(501), "stop", "ModelNotFound"],
    ["408", answered(408), "retry", "ModelUnavailable"],
    ["425", answered(425), "retry", "ModelUnavailable"],
    [
      "429 and an account without money",
      answered(429, {}, '{"error":{"message":"You exceeded your quota","type":"insufficient_quota"}}'),
      "stop",
      "ModelQuotaExhausted",
    ],
    [
      "429 and a list of it",
      answered(429, {}, '[{"error":{"code":"insufficient_quota"}}]'),
      "stop",
      "ModelQuotaExhausted",
    ],
    ["a 200 that is an error", answered(200, {}, '{"detail":"no"}'), "retry", "ModelNonsense"],
    ["a 200 that is an error with a status", answered(200, {}, '{"error":{"code":429}}'), "retry", "ModelRateLimited"],
    ["a 200 that is a lasting one", answered(200, {}, '[{"error":{"code":401}}]'), "stop", "ModelUnauthorized"],
    [
      "a 200 that wants money",
      answered(200, {}, '{"error":{"type":"insufficient_quota"}}'),
      "stop",
      "ModelQuotaExhausted",
    ],
    [
      "429 and a quota of the day",
      answered(429, {}, exceeded("GenerateRequestsPerDayPerProjectPerModel-FreeTier")),
      "stop",
      "ModelQuotaExhausted",
    ],
    [
      "429 and a quota of the minute",
      answered(429, {}, exceeded("GenerateRequestsPerMinutePerProjectPerModel")),
      "retry",
      "ModelRateLimited",
    ],
    ["429 and a quota of nobody knows what", answered(429, {}, exceeded()), "retry", "ModelRateLimited"],
    ["429 and a body that is no object", answered(429, {}, '"insufficient_quota"'), "retry", "ModelRateLimited"],
    ["429 and an error that is null", answered(429, {}, '{"error":null}'), "retry", "ModelRateLimited"],
  ])("with %s", (_name, error, kind, reason) => {
    expect(classifyModelError(error, now)).toMatchObject({ kind, reason });
  });

  it.each([
    ["provider_redirects", 502, "stop"],
    ["model_endpoint_invalid", 502, "stop"],
    ["provider_unreachable", 502, "retry"],
    ["name_not_resolved", 502, "retry"],
    ["model_key_unusable", 503, "retry"],
    ["model_not_found", 503, "retry"],
    ["toString", 502, "retry"],
  ])("that the gateway refuses as %s (%d): %s", (type, status, kind) => {
    expect(classifyModelError(answered(status, {}, refusal(type, "do this")), now)).toMatchObject({ kind });
  });

  it("that the gateway refuses for good is told by its words, and nothing else is advised", () => {
    const redirects = answered(502, {}, refusal("provider_redirects", "name the final address"));
    expect(classifyModelError(redirects, now)).toEqual({
      kind: "stop",
      reason: "ModelNotFound",
      message: "the model answered with status 502: name the final address",
    });
    const stale = answered(403, {}, refusal("stale_attempt", "it may act no more"));
    expect(classifyModelError(stale, now)).toMatchObject({
      message: expect.stringMatching(/403: it may act no more$/),
    });
  });

  it.each([
    ["in a list", '[{"error":{"code":400,"message":"slow down"}}]'],
    ["without a wrapper", '{"object":"error","message":"slow down"}'],
    ["as a detail", '{"detail":[{"loc":[],"msg":"slow down"}]}'],
    ["as a page", "<html><title>slow down</title></html>"],
    ["without any form", "slow down"],
  ])("tells the words of the provider %s, and not its braces", (_name, body) => {
    expect(classifyModelError(answered(400, {}, body), now).message).toMatch(/status 400: slow down;/);
    if (body.startsWith("[") || body.startsWith("{"))
      expect(classifyModelError(answered(200, {}, body), now).message).toMatch(/: slow down(;|$)/);
  });

  it.each([
    ["<html><head><title>Sign in</title></head></html>", "the model's answer is a web page, no JSON: Sign in"],
    ['{"choices":[', "the model's answer is JSON that is broken, breaks off or has too many values"],
    ['{"choices":[]}', "the model's answer cannot be read: words"],
    [undefined, "the model's answer cannot be read: words"],
  ])("that was answered by %j says what that is", (body, message) => {
    expect(classifyModelError(answered(200, {}, body), now)).toMatchObject({ kind: "retry", message });
  });

  it.each([
    ["seconds", "7", 7_000],
    ["a date", "Thu, 01 Jan 2026 00:00:05 GMT", 5_000],
  ])("is tried again when the provider says, in %s", (_name, value, afterMs) => {
    expect(classifyModelError(answered(429, { "retry-after": value }), now)).toMatchObject({ afterMs });
  });

  it.each(["soon", "", "0", "-5", "Infinity", "Wed, 31 Dec 2025 00:00:05 GMT"])(
    "is left to our own backoff when the provider says %j",
    (value) => {
      expect(classifyModelError(answered(429, { "retry-after": value }), now)).not.toHaveProperty("afterMs");
    },
  );
});
