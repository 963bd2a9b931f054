import { describe, expect, it } from "@jest/globals";
import { restartPauseMs } from "./supervise-service.ts";

describe("restartPauseMs", () => {
  it("doubles with each failure in a row, up to half a minute", () => {
    expect([0, 1, 2, 3, 6, 50].map(restartPauseMs)).toEqual([500, 1_000, 2_000, 4_000, 30_000, 30_000]);
  });
});
