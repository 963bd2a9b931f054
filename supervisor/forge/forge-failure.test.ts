import { describe, expect, it } from "@jest/globals";
import { judgeForgeFailure } from "#supervisor/forge/forge-failure.ts";

const nowMs = Date.parse("2026-11-23T10:00:00Z");
const judged = (status: number, message: string, headers: Readonly<Record<string, string>> = {}) =>
  judgeForgeFailure({ status, message, headers }, "GitHub o/r: open a pull request", nowMs);

const secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
const reset = String(nowMs / 1000 + 600);

describe("a forge that limits us", () => {
  it.each<readonly [string, number, string, Readonly<Record<string, string>>, number]>([
    ["403 with seconds to wait", 403, secondary, { "retry-after": "90" }, 90_000],
    ["429 with seconds to wait", 429, secondary, { "retry-after": "90" }, 90_000],
    ["a date to wait for", 429, "", { "retry-after": "Mon, 23 Nov 2026 10:02:00 GMT" }, 120_000],
    [
      "403 with the end of the hour",
      403,
      "API rate limit exceeded",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset },
      600_000,
    ],
    ["429 with the end of the hour", 429, "", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset }, 600_000],
    [
      "403 whose words name no limit",
      403,
      "Forbidden",
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset },
      600_000,
    ],
    ["403 with nothing but words", 403, secondary, { "x-ratelimit-remaining": "4999" }, 60_000],
    ["the words of old", 403, "You have triggered an abuse detection mechanism.", {}, 60_000],
    ["429 with nothing", 429, "", {}, 60_000],
    ["content too fast", 422, 'Validation Failed [{"message":"was submitted too quickly"}]', {}, 60_000],
    ["a wait that is over", 429, "", { "retry-after": "0" }, 60_000],
    ["a wait without an end", 429, "", { "retry-after": "99999999" }, 3_660_000],
    ["a proxy that knows when it is back", 503, "", { "retry-after": "30" }, 30_000],
  ])("by %s is waited for", (_, status, message, headers, afterMs) => {
    expect(judged(status, message, headers)).toMatchObject({ kind: "retry", afterMs });
  });

  it("is told from one that says no", () => {
    const rest = { "x-ratelimit-remaining": "4999", "x-ratelimit-reset": reset };
    expect(judged(403, "Resource not accessible by personal access token", rest)).toMatchObject({
      kind: "refused",
      reason: "AuthenticationFailed",
    });
    const spent = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset };
    for (const denied of ["Resource not accessible by integration", "Must have admin rights to Repository."])
      expect(judged(403, denied, spent)).toMatchObject({ kind: "refused", reason: "AuthenticationFailed" });
    expect(judged(403, "Repository was archived so is read-only.", spent)).toMatchObject({
      kind: "refused",
      reason: "ForgeRefused",
      message: expect.stringContaining("takes no more changes"),
    });
    expect(judged(422, "Validation Failed")).toMatchObject({ kind: "refused", reason: "ForgeRefused" });
  });

  it("leaves the pause to our own backoff where it only fails", () => {
    expect(judged(502, "bad gateway")).toEqual({ kind: "retry", message: expect.any(String), afterMs: undefined });
  });
});
