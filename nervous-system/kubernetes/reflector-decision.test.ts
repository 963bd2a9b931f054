import { describe, expect, it } from "@jest/globals";
import { ApiError, ConnectionError } from "#nervous-system/kubernetes/errors.ts";
import { decideReflectorStep, type ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";

const refused = (code: number, reason: string, retryAfterMs?: number): ApiError =>
  new ApiError({ code, reason, message: reason, retryAfterMs });
const failed = (error: unknown, fields: Partial<ReflectorEnd & { kind: "failed" }> = {}): ReflectorEnd => ({
  kind: "failed",
  resourceVersion: "7",
  productive: false,
  ...fields,
  error,
});
const list = { kind: "list" };
const watch = { kind: "watch", resourceVersion: "7" };

describe("a reflector's next step", () => {
  it.each<[string, ReflectorEnd, object]>([
    [
      "a list leads to a watch, and proves nothing yet",
      { kind: "listed", resourceVersion: "7" },
      { position: watch, pause: "none", forget: false },
    ],
    [
      "a watch that ended in order goes on at once",
      { kind: "watchEnded", resourceVersion: "7", productive: true },
      { position: watch, pause: "none", forget: true },
    ],
    [
      "a watch that ends at once is not asked in a tight loop",
      { kind: "watchEnded", resourceVersion: "7", productive: false },
      { position: watch, pause: "backoff", forget: false },
    ],
    [
      "a lost connection watches on from the last version",
      failed(new ConnectionError("ECONNRESET", "x")),
      { position: watch, pause: "backoff" },
    ],
    [
      "410 after a productive watch lists at once",
      failed(refused(410, "Expired"), { productive: true }),
      { position: list, pause: "none", forget: true },
    ],
    [
      "410 again and again lists with backoff",
      failed(refused(410, "Gone")),
      { position: list, pause: "backoff", forget: false },
    ],
    [
      "429 waits as long as the server asks, and watches on",
      failed(refused(429, "TooManyRequests", 3000)),
      { position: watch, pause: "backoff", atLeastMs: 3000 },
    ],
    ["an internal error watches on", failed(refused(500, "InternalError")), { position: watch, pause: "backoff" }],
    ["a lost right is shown by listing", failed(refused(403, "Forbidden")), { position: list, pause: "backoff" }],
    ["a kind that is gone is shown by listing", failed(refused(404, "NotFound")), { position: list, pause: "backoff" }],
    [
      "a list that failed lists again",
      failed(new ConnectionError("ETIMEDOUT", "x"), { resourceVersion: undefined }),
      { position: list, pause: "backoff" },
    ],
  ])("%s", (_, end, step) => {
    expect(decideReflectorStep(end)).toMatchObject(step);
  });
});
