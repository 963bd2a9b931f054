import { describe, expect, it } from "@jest/globals";
import { MOST_BLOBS_AT_ONCE, MOST_ERASED, MOST_NAMED } from "#nervous-system/schemas/erased.ts";
import { ordersOf, placedMeanwhile } from "./orders.ts";

const named = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));
const frame = (event_id: string, places: number, blobs: number) => ({
  event_id,
  places: named(places),
  blobs: named(blobs),
});

describe("orders to erase", () => {
  it("are one request of each frame once, where it names little", () => {
    const frames = [frame("a", 1, 0), frame("b", MOST_NAMED.places, MOST_NAMED.blobs)];
    expect(ordersOf(frames)).toEqual([frames]);
    expect(ordersOf([])).toEqual([]);
  });

  it.each([
    [1, MOST_NAMED.blobs * 2 + 1],
    [MOST_NAMED.places * 2 + 1, 0],
    [MOST_NAMED.places + 1, MOST_NAMED.blobs * 3],
  ])("name %i places and %i blobs of one frame, each within its bound and with a place", (places, blobs) => {
    const [parts = [], ...others] = ordersOf([frame("a", places, blobs)]);
    expect(others).toEqual([]);
    expect(new Set(parts.flatMap((part) => part.places))).toEqual(new Set(named(places)));
    expect(parts.flatMap((part) => part.blobs)).toEqual(named(blobs));
    for (const part of parts) {
      expect(part.places.length).toBeGreaterThan(0);
      expect(part.places.length).toBeLessThanOrEqual(MOST_NAMED.places);
      expect(part.blobs.length).toBeLessThanOrEqual(MOST_NAMED.blobs);
    }
  });

  it("are several requests of as many frames as one takes", () => {
    const orders = ordersOf(named(MOST_ERASED + 1).map((id) => frame(id, 1, 0)));
    expect(orders.map(({ length }) => length)).toEqual([MOST_ERASED, 1]);
  });

  it("are several requests where all together name more blobs than one takes", () => {
    const orders = ordersOf(named(MOST_ERASED).map((id) => frame(id, 1, MOST_NAMED.blobs - 1)));
    expect(orders.flat()).toHaveLength(MOST_ERASED);
    for (const some of orders)
      expect(some.flatMap(({ blobs }) => blobs).length).toBeLessThanOrEqual(MOST_BLOBS_AT_ONCE);
  });
});

describe("what was stored again while it was ordered", () => {
  const at = (event_id: string, places: readonly string[]) => ({
    event_id,
    agent_uid: "a",
    epoch: 0,
    seq: 0,
    places,
    blobs: ["b"],
  });

  it("is ordered once more, at its new places alone", () => {
    const found = [at("one", ["512"]), at("two", ["1024"])];
    const after = [at("one", ["512", "4096"]), at("two", ["1024"])];
    expect(placedMeanwhile(found, after)).toEqual([{ ...at("one", ["4096"]), blobs: [] }]);
    expect(placedMeanwhile(found, found)).toEqual([]);
  });
});
