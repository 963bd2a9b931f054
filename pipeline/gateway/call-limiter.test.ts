import { describe, expect, it } from "@jest/globals";
import { createRoom, type Room } from "./call-limiter.ts";

const enter = (room: Room, caller: string, bytes: number): (() => void) => {
  const entered = room.enter(caller, bytes);
  if (typeof entered === "string") throw new Error(`no room: ${entered}`);
  return entered;
};

describe("the room for model calls", () => {
  it("lets one caller hold so many calls and no more, whatever others do", () => {
    const room = createRoom({ callsPerCaller: 2, bytesPerCaller: 100, bytes: 1_000 });
    const leave = enter(room, "a", 1);
    enter(room, "a", 1);
    expect(room.enter("a", 1)).toBe("yours");
    enter(room, "b", 1);
    leave();
    enter(room, "a", 1);
    expect(room.enter("a", 1)).toBe("yours");
  });

  it("lets a caller have one call of any size, or several within its share", () => {
    const room = createRoom({ callsPerCaller: 9, bytesPerCaller: 100, bytes: 1_000 });
    const leave = enter(room, "a", 500);
    expect(room.enter("a", 1)).toBe("yours");
    leave();
    enter(room, "a", 60);
    expect(room.enter("a", 60)).toBe("yours");
    enter(room, "a", 40);
  });

  it("holds no more bytes of all callers than it has", () => {
    const room = createRoom({ callsPerCaller: 9, bytesPerCaller: 100, bytes: 150 });
    const leave = enter(room, "a", 100);
    expect(room.enter("b", 60)).toBe("everybody's");
    enter(room, "b", 50);
    leave();
    enter(room, "c", 100);
  });
});
