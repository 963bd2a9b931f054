import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { boundUnfinished } from "./unfinished.ts";

describe("what is held of frames without an end", () => {
  it("is cut off where most of it is, once it is too much together", () => {
    const cut: string[] = [];
    const unfinished = boundUnfinished<{ destroy(): void }>(100);
    const sender = (name: string) => ({ destroy: () => cut.push(name) });
    const [small, large, other] = [sender("small"), sender("large"), sender("other")];
    unfinished.hold(small, 10);
    unfinished.hold(large, 60);
    unfinished.hold(other, 30);
    expect(cut).toEqual([]);
    unfinished.hold(small, 11);
    expect(cut).toEqual(["large"]);
  });

  it("stays within its bound when whoever is cut off gives back what it held", () => {
    const step = fc.record({ who: fc.nat(5), bytes: fc.nat(300) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const held = [0, 0, 0, 0, 0, 0];
        const unfinished = boundUnfinished<{ destroy(): void }>(500);
        const senders = held.map((_, at) => ({
          destroy: () => {
            held[at] = 0;
            unfinished.hold(senders[at]!, 0);
          },
        }));
        for (const { who, bytes } of steps) {
          held[who] = bytes;
          unfinished.hold(senders[who]!, bytes);
          expect(held.reduce((sum, one) => sum + one)).toBeLessThanOrEqual(500);
        }
      }),
    );
  });
});
