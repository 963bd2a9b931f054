import { describe, expect, it } from "@jest/globals";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { settlePage } from "./read-frames.ts";

const at = (...places: number[]) =>
  places.map((place) => ({ ...chainBuilder({ agent_uid: agentUid(1) }).next(), place, storedNs: 0n }));
const placesOf = (frames: ReadonlyArray<{ place: number }>): number[] => frames.map(({ place }) => place);

describe("a page of frames", () => {
  it("is given whole where it is the last", () => {
    const { given, next } = settlePage(at(4, 5, 5), 3, false);
    expect([placesOf(given), next]).toEqual([[4, 5, 5], undefined]);
    expect(settlePage([], 3, false)).toEqual({ given: [], next: undefined });
  });

  it("leaves what stands at its last place to the next one, where it was cut", () => {
    const { given, next } = settlePage(at(4, 5, 7, 7), 3, true);
    expect([placesOf(given), next]).toEqual([[4, 5], 6]);
  });

  it("is refused where it would lead no further", () => {
    expect(() => settlePage(at(4, 4), 3, true)).toThrow(/too many frames stand at place 4/);
  });
});
