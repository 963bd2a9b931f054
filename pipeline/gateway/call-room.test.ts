import { describe, expect, it } from "@jest/globals";
import { createCallRoom, type CallRoom, type CallShare } from "./call-room.ts";
import type { Granted } from "./refusal.ts";

const limits = { callsPerAgent: 2, bytesPerCall: 10, bytes: 1_000, bytesApart: 0 };

const enter = (room: CallRoom, agent: string, namespace = "a"): CallShare => {
  const entered = room.enter(namespace, agent);
  if (entered.kind === "refused") throw new Error(entered.refusal.message);
  return entered.value;
};

const fill = (share: CallShare): void => {
  while (share.takeForRequest(1).kind === "granted");
};

const refusalOf = (result: Granted<unknown>): unknown =>
  result.kind === "refused" ? [result.refusal.status, result.refusal.type] : undefined;

describe("the room of model calls", () => {
  it("lets one agent hold so many calls and no more, whatever others do", () => {
    const room = createCallRoom(limits);
    const first = enter(room, "one");
    enter(room, "one");
    expect(refusalOf(room.enter("a", "one"))).toEqual([429, "too_many_calls"]);
    enter(room, "other");
    first.leave();
    enter(room, "one");
    expect(refusalOf(room.enter("a", "one"))).toEqual([429, "too_many_calls"]);
  });

  it("tells an agent, a namespace and everybody apart, with a time to come back", () => {
    const room = createCallRoom({ ...limits, callsPerAgent: 9 });
    const one = enter(room, "one");
    expect(refusalOf(one.takeForRequest(241))).toEqual([429, "agent_room_full"]);
    expect(refusalOf(one.takeForRequest(240))).toBeUndefined();
    const other = enter(room, "other");
    expect(refusalOf(other.takeForRequest(150))).toEqual([429, "namespace_room_full"]);
    const elsewhere = enter(room, "elsewhere", "b");
    expect(refusalOf(elsewhere.takeForRequest(250))).toEqual([503, "gateway_busy"]);
    expect(elsewhere.takeForRequest(250)).toMatchObject({ refusal: { retryAfterSeconds: 5 } });
    expect(refusalOf(elsewhere.takeForRequest(150))).toBeUndefined();
  });

  it("serves another namespace however many agents of one fill what they can", () => {
    const room = createCallRoom({ ...limits, bytes: 100_000 });
    const greedy = Array.from({ length: 400 }, (_, i) => room.enter("greedy", `${i % 200}`));
    for (const call of greedy) if (call.kind === "granted") fill(call.value);
    const share = enter(room, "modest", "b");
    expect(refusalOf(share.takeForRequest(10_000))).toBeUndefined();
    expect(refusalOf(share.takeForAnswer(2_000))).toBeUndefined();
  });

  it("has room for an ordinary answer of every call that it let in", () => {
    const room = createCallRoom(limits);
    const share = enter(room, "one");
    fill(share);
    expect(refusalOf(share.takeForAnswer(6))).toBeUndefined();
    expect(refusalOf(share.takeForAnswer(4))).toBeUndefined();
    expect(refusalOf(share.takeForAnswer(1))).toEqual([429, "agent_room_full"]);
  });

  it("gets everything back from calls that leave, and nothing is left of those that were refused", () => {
    const room = createCallRoom({ ...limits, callsPerAgent: 1 });
    for (let i = 0; i < 3; i += 1) {
      const share = enter(room, "one");
      expect(refusalOf(room.enter("a", "one"))).toEqual([429, "too_many_calls"]);
      expect(refusalOf(share.takeForRequest(240))).toBeUndefined();
      share.leave();
    }
  });
});
