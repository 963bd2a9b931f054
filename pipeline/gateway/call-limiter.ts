/** How much of one thing may be held: by one caller, and by all of them. */
export type RoomLimits = {
  readonly callsPerCaller: number;
  readonly bytesPerCaller: number;
  readonly bytes: number;
};

/** Room for calls, so that no caller takes the memory of all. */
export type Room = {
  /** Takes room for a call; answers how to give it back, or why there is none: the caller's own calls, or everybody's. */
  enter(caller: string, bytes: number): (() => void) | "yours" | "everybody's";
};

const none = { calls: 0, bytes: 0 };

/** Creates the room of one gateway; a caller's only call is never too large for its own share. */
export const createRoom = (limits: RoomLimits): Room => {
  const callers = new Map<string, { readonly calls: number; readonly bytes: number }>();
  let held = 0;
  const add = (caller: string, calls: number, bytes: number): void => {
    const before = callers.get(caller) ?? none;
    held += bytes;
    if (before.calls + calls === 0) callers.delete(caller);
    else callers.set(caller, { calls: before.calls + calls, bytes: before.bytes + bytes });
  };
  return {
    enter: (caller, bytes) => {
      const own = callers.get(caller) ?? none;
      const isTooLarge = own.calls > 0 && own.bytes + bytes > limits.bytesPerCaller;
      if (own.calls >= limits.callsPerCaller || isTooLarge) return "yours";
      if (held + bytes > limits.bytes) return "everybody's";
      add(caller, 1, bytes);
      return () => add(caller, -1, -bytes);
    },
  };
};
