import { describe, expect, it } from "@jest/globals";
import type { Granted } from "./refusal.ts";
import { createTunnelRoom } from "./tunnel-room.ts";

const refusalOf = (result: Granted<unknown>): unknown =>
  result.kind === "refused"
    ? [result.refusal.status, result.refusal.type, result.refusal.retryAfterSeconds]
    : undefined;

describe("the room of tunnels", () => {
  it("gives a pod so many of each kind, and again what it leaves", () => {
    const room = createTunnelRoom();
    const first = Array.from({ length: 8 }, () => room.enter("fetch", "a", "pod"));
    expect(first.map(refusalOf)).toEqual(Array.from({ length: 8 }));
    expect(refusalOf(room.enter("fetch", "a", "pod"))).toEqual([429, "too_many_tunnels", 5]);
    expect(refusalOf(room.enter("egress", "a", "pod"))).toBeUndefined();
    const [one] = first;
    if (one?.kind === "granted") one.value();
    expect(refusalOf(room.enter("fetch", "a", "pod"))).toBeUndefined();
    expect(refusalOf(room.enter("fetch", "a", "pod"))).toEqual([429, "too_many_tunnels", 5]);
  });

  it("has one for another tenant however many pods of one open all they can", () => {
    const room = createTunnelRoom(400);
    const greedy = Array.from({ length: 4_000 }, (_, i) => room.enter("egress", "greedy", `pod-${i % 200}`));
    const had = greedy.filter(({ kind }) => kind === "granted").length;
    expect([had > 150, had <= 200]).toEqual([true, true]);
    expect(refusalOf(room.enter("egress", "greedy", "late"))).toEqual([429, "namespace_room_full", 5]);
    expect(refusalOf(room.enter("egress", "modest", "pod"))).toBeUndefined();
  });

  it("tells when all of them hold all there is", () => {
    const room = createTunnelRoom(40);
    for (let i = 0; i < 400; i += 1) room.enter("fetch", `n${i % 40}`, `pod-${i}`);
    expect(refusalOf(room.enter("fetch", "late", "pod"))).toEqual([503, "gateway_busy", 5]);
  });
});
