import { EventEmitter } from "node:events";
import { describe, expect, it } from "@jest/globals";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import { surviveRejections } from "./last-resort.ts";

describe("a rejection that nobody handles", () => {
  it("is told and counted, and Node is told that somebody listens", async () => {
    const registry = createProcessRegistry();
    const process = new EventEmitter();
    const told: unknown[] = [];
    surviveRejections(process, (reason) => told.push(reason));
    const error = new Error("nobody awaits me");
    expect(process.emit("unhandledRejection", error)).toBe(true);
    expect(told).toEqual([error]);
    expect(await registry.metrics()).toMatch(/^enchanted_unhandled_rejections_total 1$/m);
  });
});
