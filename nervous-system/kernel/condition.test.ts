import { describe, expect, it } from "@jest/globals";
import { createCondition } from "./condition.ts";

const never = new AbortController().signal;

describe("a condition", () => {
  it("wakes all that wait, once", async () => {
    const condition = createCondition();
    const waits = [condition.wait(never), condition.wait(never)];
    let woken = false;
    condition.notify();
    const later = condition.wait(never).then(() => (woken = true));
    await Promise.all(waits);
    expect(woken).toBe(false);
    condition.notify();
    await later;
  });

  it("rejects with the reason of a signal that aborts, or has", async () => {
    const condition = createCondition();
    const stop = new AbortController();
    const waits = condition.wait(stop.signal);
    stop.abort(new Error("over"));
    await expect(waits).rejects.toThrow("over");
    await expect(condition.wait(stop.signal)).rejects.toThrow("over");
  });
});
