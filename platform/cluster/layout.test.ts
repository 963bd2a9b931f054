import { describe, expect, it } from "@jest/globals";
import { layoutOf } from "./layout.ts";

describe("layoutOf", () => {
  it("keeps everything below the state directory", () => {
    const { state, ...paths } = layoutOf("/srv/enchanted");
    expect(Object.values(paths).every((path) => path.startsWith(`${state}/`))).toBe(true);
  });
  it("refuses a directory whose sockets would have too long a path, and says what to do", () => {
    expect(() => layoutOf(`/${"d".repeat(61)}`)).toThrow(/Set ENCHANTED_STATE/);
  });
});
