import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createLookups } from "./lookups.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const address = [{ address: "192.0.2.1", family: 4 }];

/** Look-ups on four threads, of which libuv resolves names on two; of `slow` names no server answers. */
const lookups = () => {
  const clock = manualClock();
  const asked: string[] = [];
  const answers: Array<() => void> = [];
  const resolve = (host: string) => {
    asked.push(host);
    if (!host.startsWith("slow")) return Promise.resolve(address);
    return new Promise<typeof address>((found) => answers.push(() => found(address)));
  };
  return { clock, asked, answers, ...createLookups({ threads: 4, clock, resolve }) };
};

describe("names whose servers do not answer", () => {
  it("hold up nobody of another namespace", async () => {
    const { of, asked } = lookups();
    for (let n = 0; n < 32; n += 1)
      of({ namespace: "loud", agentUid: `agent-${n}` })(`slow-${n}`).catch(() => undefined);
    await turn();
    expect(await of({ namespace: "calm", agentUid: "a" })("forge")).toEqual(address);
    expect(asked).toEqual(["slow-0", "forge"]);
  });

  it("are given up after a while, and asked for no more, but their threads count until they are free", async () => {
    const { of, asked, answers, clock } = lookups();
    const loud = of({ namespace: "loud", agentUid: "a" });
    const told = [0, 1, 2].map((n) => loud(`slow-${n}`).catch((error: Error) => error.message));
    await turn();
    await clock.advance(20_000);
    expect(await Promise.all(told)).toEqual(Array.from({ length: 3 }, () => "no answer within 20000 ms"));
    const next = loud("forge");
    await turn();
    expect(asked).toEqual(["slow-0"]);
    answers[0]?.();
    expect(await next).toEqual(address);
    expect(asked).toEqual(["slow-0", "forge"]);
    await turn();
    expect(clock.pending()).toBe(0);
  });
});
