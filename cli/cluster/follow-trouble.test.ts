import { describe, expect, it } from "@jest/globals";
import { ApiError, ConnectionError } from "#nervous-system/kubernetes/errors.ts";
import type { ReflectorEnd } from "#nervous-system/kubernetes/reflector-decision.ts";
import { hearTrouble } from "./follow-trouble.ts";

const heard = () => {
  let nowMs = 0;
  const told: string[] = [];
  const hear = hearTrouble({
    clock: { monotonicMs: () => nowMs },
    refused: (error) => told.push(`refused: ${(error as Error).message}`),
    lasts: (why) => told.push(`lasts: ${why}`),
  });
  const at = (ms: number, end: ReflectorEnd): void => {
    nowMs = ms;
    hear(end);
  };
  return { told, at };
};

const refusal = (code: number) => new ApiError({ code, reason: "Forbidden", message: `code ${code}` });
const failed = (error: unknown, resourceVersion?: string): ReflectorEnd => ({
  kind: "failed",
  resourceVersion,
  error,
  productive: false,
});
const away = failed(new ConnectionError("ECONNREFUSED", "nothing listens there"));

describe("trouble while a cluster is followed", () => {
  it.each([401, 403])("is told at once where a list is refused with %d", (code) => {
    const { told, at } = heard();
    at(0, failed(refusal(code)));
    expect(told).toEqual([`refused: code ${code}`]);
  });

  it("is none where only watching is refused, for it is listed again", () => {
    const { told, at } = heard();
    for (let ms = 0; ms < 60_000; ms += 2_000) {
      at(ms, failed(refusal(403), "7"));
      at(ms + 1_000, { kind: "listed", resourceVersion: "7" });
    }
    expect(told).toEqual([]);
  });

  it("is told once where it lasts, and again where it comes back", () => {
    const { told, at } = heard();
    at(0, away);
    at(4_999, failed(refusal(500)));
    expect(told).toEqual([]);
    at(5_000, away);
    at(9_000, away);
    expect(told).toEqual(["lasts: nothing listens there"]);
    at(10_000, { kind: "watchEnded", resourceVersion: "9", productive: true });
    at(11_000, away);
    at(16_000, away);
    expect(told).toHaveLength(2);
  });
});
