import { describe, expect, it } from "@jest/globals";
import { createCallLimiter, type CallLimiter } from "./call-limiter.ts";

const enter = (limiter: CallLimiter, caller: string, bytes: number): (() => void) => {
  const entered = limiter.enter(caller, bytes);
  if (typeof entered === "string") throw new Error(`no room: ${entered}`);
  return entered;
};

describe("the limiter of model calls", () => {
  it("lets one caller hold so many calls and no more, whatever others do", () => {
    const limiter = createCallLimiter({ callsPerCaller: 2, bytesPerCaller: 100, bytes: 1_000 });
    const leave = enter(limiter, "a", 1);
    enter(limiter, "a", 1);
    expect(limiter.enter("a", 1)).toBe("yours");
    enter(limiter, "b", 1);
    leave();
    enter(limiter, "a", 1);
    expect(limiter.enter("a", 1)).toBe("yours");
  });

  it("lets a caller have one call of any size, or several within its share", () => {
    const limiter = createCallLimiter({ callsPerCaller: 9, bytesPerCaller: 100, bytes: 1_000 });
    const leave = enter(limiter, "a", 500);
    expect(limiter.enter("a", 1)).toBe("yours");
    leave();
    enter(limiter, "a", 60);
    expect(limiter.enter("a", 60)).toBe("yours");
    enter(limiter, "a", 40);
  });

  it("holds no more bytes of all callers than it has", () => {
    const limiter = createCallLimiter({ callsPerCaller: 9, bytesPerCaller: 100, bytes: 150 });
    const leave = enter(limiter, "a", 100);
    expect(limiter.enter("b", 60)).toBe("everybody's");
    enter(limiter, "b", 50);
    leave();
    enter(limiter, "c", 100);
  });
});
