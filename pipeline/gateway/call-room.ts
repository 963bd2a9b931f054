import { createKeyedSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { createSharedRoom, type RoomHolder } from "#nervous-system/kernel/shared-room.ts";
import { granted, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";

/** How much all model calls together may hold. */
export type CallLimits = {
  readonly callsPerAgent: number;
  /** What a call holds from its beginning: its connections, and an answer of ordinary size. */
  readonly bytesPerCall: number;
  /** Bytes of all calls, shared by namespaces and agents; a call of an agent that is alone may hold nearly a quarter. */
  readonly bytes: number;
  /** What of them is kept apart for the only call of a namespace. */
  readonly bytesApart: number;
};

/** The room of one call: what it holds counts until it leaves. A refusal says whose share is used up, and takes nothing. */
export type CallShare = {
  takeForRequest(bytes: number): Granted<void>;
  takeForAnswer(bytes: number): Granted<void>;
  leave(): void;
};

/** Room of a gateway for model calls, of which no agent and no namespace can take what the others need. */
export type CallRoom = {
  /** Lets a call of an agent's pod in, or refuses it until there is room. */
  enter(namespace: string, podUid: string): Granted<CallShare>;
};

const refuse = (holder: RoomHolder, namespace: string): Granted<never> => {
  switch (holder) {
    case "member":
      return refusedUntil(
        429,
        "agent_room_full",
        "the calls under way of the agent hold its share of the gateway's room",
        2,
      );
    case "tenant":
      return refusedUntil(
        429,
        "namespace_room_full",
        `the calls under way of namespace "${namespace}" hold its share of the gateway's room`,
        5,
      );
    case "all":
      return refusedUntil(503, "gateway_busy", "the gateway works on all it can hold", 5);
  }
};

const tooManyCalls = ({ callsPerAgent }: CallLimits): Granted<never> =>
  refusedUntil(429, "too_many_calls", `at most ${callsPerAgent} calls of an agent at a time: wait for one to end`, 2);

/** Creates the room of a gateway without calls. */
export const createCallRoom = (limits: CallLimits): CallRoom => {
  const calls = createKeyedSemaphore(limits.callsPerAgent);
  const room = createSharedRoom({ total: limits.bytes, apart: limits.bytesApart });
  return {
    enter: (namespace, podUid) => {
      if (!calls.tryAcquire(podUid, 1)) return tooManyCalls(limits);
      const share = room.open(namespace, podUid);
      const take = (bytes: number): Granted<void> => {
        const holder = share.grow(bytes);
        return holder === undefined ? granted(undefined) : refuse(holder, namespace);
      };
      let spare = limits.bytesPerCall;
      const leave = (): void => {
        share.leave();
        calls.release(podUid, 1);
      };
      const entered = take(spare);
      if (entered.kind === "refused") {
        leave();
        return entered;
      }
      const takeForAnswer = (bytes: number): Granted<void> => {
        const paid = Math.min(bytes, spare);
        spare -= paid;
        return take(bytes - paid);
      };
      return granted({ takeForRequest: take, takeForAnswer, leave });
    },
  };
};
