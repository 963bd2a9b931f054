import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createSpending, type Spending, type Spent } from "#pipeline/gateway/spending.ts";
import { aMission } from "#test/builders/mission.ts";

const call: Spent = { inputTokens: 10, outputTokens: 5, nanoUsd: 250_000_000 };

describe("spending", () => {
  const told = (inputTokens: number, costUSD?: string, name = "fix-bug") =>
    aMission({ metadata: { name }, status: { usage: { frames: 3, inputTokens, outputTokens: 1, costUSD } } });

  it("adds calls to what the status said before them, and goes by the status once that knows more", () => {
    const spending = createSpending(10);
    expect(spending.usedBy(told(100, "1.5"))).toEqual({
      frames: 3,
      inputTokens: 100,
      outputTokens: 1,
      costUSD: "1.50",
    });
    spending.note(told(100, "1.5"), call);
    spending.note(told(100, "1.5"), call);
    expect(spending.usedBy(told(100, "1.5"))).toMatchObject({ inputTokens: 120, outputTokens: 11, costUSD: "2.00" });
    // Of this gateway's two calls the status holds one, and then both and another gateway's.
    expect(spending.usedBy(told(110, "1.75"))).toMatchObject({ inputTokens: 120, costUSD: "2.00" });
    expect(spending.usedBy(told(500, "9"))).toMatchObject({ inputTokens: 500, costUSD: "9.00" });
  });

  it("keeps missions apart, and no more of them than it may", () => {
    const spending = createSpending(1);
    const [a, b] = [told(1, undefined, "a"), told(1, undefined, "b")].map((mission, n) => ({
      ...mission,
      metadata: { ...mission.metadata, uid: `uid-${n}` },
    }));
    spending.note(a!, call);
    spending.note(b!, call);
    expect(spending.usedBy(b!)).toMatchObject({ inputTokens: 11 });
    expect(spending.usedBy(a!)).toMatchObject({ inputTokens: 1 });
  });

  it("counts on from what the status tells of others, and of this gateway before it started", () => {
    const spending = createSpending(10);
    // It was started anew, and of 5,000 tokens the status tells 1,000.
    spending.note(told(1_000), { ...call, inputTokens: 100 });
    expect(spending.usedBy(told(5_100))).toMatchObject({ inputTokens: 5_100 });
    spending.note(told(5_100), { ...call, inputTokens: 3_900 });
    expect(spending.usedBy(told(5_100))).toMatchObject({ inputTokens: 9_000 });
  });

  /*
   * Calls of two gateways, each of which may be started anew, reach the stream in their order, and a status tells those at the
   * beginning of it. Of every status that a gateway saw it knows that and its calls since, and never more than was used.
   */
  it("never falls behind any status that it saw with its calls since, nor runs ahead of what was used", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("call"), gateway: fc.nat(1), tokens: fc.nat(1_000) }),
      // The status catches up by some calls, and a gateway sees what it tells now.
      fc.record({ kind: fc.constant("see"), gateway: fc.nat(1), tokens: fc.nat(3) }),
      fc.record({ kind: fc.constant("restart"), gateway: fc.nat(1), tokens: fc.constant(0) }),
    );
    type Gateway = {
      readonly spending: Spending;
      readonly own: number[];
      readonly seen: Array<[told: number, before: number]>;
    };
    const fresh = (): Gateway => ({ spending: createSpending(10), own: [], seen: [] });
    const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
    const leastOf = ({ own, seen }: Gateway): number =>
      Math.max(...seen.map(([status, before]) => status + sum(own.slice(before))));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const gateways = [fresh(), fresh()];
        const stream: number[] = [];
        let toldCalls = 0;
        for (const { kind, gateway: at, tokens } of steps) {
          if (kind === "restart") gateways[at] = fresh();
          if (kind === "see") toldCalls = Math.min(stream.length, toldCalls + tokens);
          if (kind === "restart") continue;
          const { spending, own, seen } = gateways[at]!;
          const status = sum(stream.slice(0, toldCalls));
          seen.push([status, own.length]);
          if (kind === "call") {
            spending.note(told(status), { inputTokens: tokens, outputTokens: 0, nanoUsd: 0 });
            own.push(tokens);
            stream.push(tokens);
          }
          const { inputTokens = 0 } = spending.usedBy(told(status));
          expect(inputTokens).toBeGreaterThanOrEqual(leastOf(gateways[at]!));
          expect(inputTokens).toBeLessThanOrEqual(sum(stream));
        }
      }),
    );
  });
});
