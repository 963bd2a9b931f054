import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createSharedRoom, type RoomHolder, type RoomShare, type SharedRoom } from "./shared-room.ts";

const roomOf = (total: number): SharedRoom => createSharedRoom({ total, apart: 0 });

/** Takes one by one until there is no more; answers how many, and what was in the way. */
const fill = (share: RoomShare): { got: number; stopped: RoomHolder | undefined } => {
  for (let got = 0; ; got += 1) {
    const stopped = share.grow(1);
    if (stopped !== undefined) return { got, stopped };
  }
};

/** Lets everybody take in turns until nobody gets more; answers what each has. */
const press = (shares: readonly RoomShare[]): number[] => {
  const got = shares.map(() => 0);
  for (let more = true; more;) {
    more = false;
    for (const [i, share] of shares.entries()) {
      if (share.grow(1) !== undefined) continue;
      got[i] = (got[i] ?? 0) + 1;
      more = true;
    }
  }
  return got;
};

const shares = (room: SharedRoom, tenants: number, members: number): RoomShare[] =>
  Array.from({ length: tenants * members }, (_, i) => room.open(`t${i % tenants}`, `m${i}`));

describe("a shared room", () => {
  it("gives who is alone a quarter, and the members of one tenant half of it together", () => {
    expect(fill(roomOf(400).open("a", "a1"))).toEqual({ got: 100, stopped: "member" });
    const all = press(shares(roomOf(400), 1, 50));
    expect(all.reduce((sum, one) => sum + one)).toBeGreaterThan(180);
    expect(all.reduce((sum, one) => sum + one)).toBeLessThanOrEqual(200);
  });

  it("is shared alike by those who press", () => {
    for (const got of press(shares(roomOf(1_200), 2, 1))) expect(got).toBeCloseTo(240, -1);
    for (const got of press(shares(roomOf(1_200), 1, 3))) expect(got).toBeCloseTo(150, -1);
  });

  it("tells who holds most of what is missing", () => {
    const room = roomOf(400);
    const [first, second] = [room.open("a", "a1"), room.open("a", "a2")];
    expect([first.grow(101), first.grow(100), first.grow(1)]).toEqual(["member", undefined, "member"]);
    expect([second.grow(50), second.grow(1)]).toEqual([undefined, "tenant"]);
    const elsewhere = room.open("b", "b1");
    expect([elsewhere.grow(62), elsewhere.grow(1)]).toEqual([undefined, "all"]);
  });

  it("keeps some apart for the only use of a tenant, however many others press for more", () => {
    const room = createSharedRoom({ total: 1_000, apart: 40 });
    press(shares(room, 16, 3));
    for (const tenant of ["b", "c"]) {
      const [one, other] = [room.open(tenant, `${tenant}1`), room.open(tenant, `${tenant}2`)];
      expect([one.grow(25), one.grow(15), one.grow(1), other.grow(20)]).toEqual([undefined, undefined, "all", "all"]);
      one.leave();
    }
  });

  it("is never fuller than it is large", () => {
    const room = createSharedRoom({ total: 1_000, apart: 300 });
    const held = shares(room, 9, 1).map((share) => fill(share).got);
    expect(held.reduce((sum, one) => sum + one)).toBe(1_000);
  });

  it("takes back a part of what a use holds, for whoever comes next", () => {
    const room = roomOf(400);
    const share = room.open("a", "a1");
    expect(share.grow(100)).toBeUndefined();
    expect(share.grow(1)).toBe("member");
    share.shrink(60);
    expect(room.open("a", "a1").grow(60)).toBeUndefined();
    share.leave();
    expect(room.open("a", "a1").grow(40)).toBeUndefined();
    expect(room.open("a", "a1").grow(1)).toBe("member");
  });

  it("takes back what a use held, once", () => {
    const room = roomOf(400);
    const [one, other] = [room.open("a", "a1"), room.open("a", "a1")];
    expect([one.grow(60), other.grow(40), other.grow(1)]).toEqual([undefined, undefined, "member"]);
    one.leave();
    one.leave();
    expect(fill(other).got).toBe(60);
  });

  it("always has some for the next tenant and the next member, and is empty when all have left", () => {
    const use = fc.record({ tenant: fc.nat(4), member: fc.nat(3), weight: fc.integer({ min: 1, max: 300 }) });
    fc.assert(
      fc.property(fc.array(use, { maxLength: 60 }), (uses) => {
        const room = roomOf(100_000);
        const taken = uses.map(({ tenant, member, weight }) => {
          const share = room.open(`t${tenant}`, `t${tenant}/m${member}`);
          share.grow(weight);
          return share;
        });
        for (const tenant of ["t0", "t1", "new"]) {
          const next = room.open(tenant, `${tenant}/next`);
          if (next.grow(1) !== undefined) return false;
          next.leave();
        }
        for (const share of taken) share.leave();
        return fill(room.open("t0", "t0/m0")).got === 25_000;
      }),
      { numRuns: 50 },
    );
  });
});
