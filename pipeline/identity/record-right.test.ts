import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createRecordRight } from "#pipeline/identity/record-right.ts";

// A user that is no ServiceAccount.
const principal = { user: { username: "ann" }, username: "ann", namespace: "", serviceAccount: "" };

/** Answers as the API server would; counts the questions. */
const apiServer = () => {
  const state = { asked: 0, allowed: false };
  const request = (): Promise<unknown> => {
    state.asked += 1;
    return Promise.resolve({ status: { allowed: state.allowed } });
  };
  return { state, client: { request } };
};

describe("the right to a record", () => {
  it("is asked for once a minute where there is one, and each five seconds where there is none", async () => {
    const clock = manualClock();
    const { state, client } = apiServer();
    const check = createRecordRight({ client, clock });
    const ask = (): Promise<void> => check(principal, "team", "get");
    const refused = /"ann" may not read the record of namespace "team": grant it "get" .* it counts within 5 s$/;
    await expect(ask()).rejects.toThrow(refused);
    state.allowed = true;
    await clock.advance(4_999);
    await expect(ask()).rejects.toThrow(refused);
    expect(state.asked).toBe(1);
    await clock.advance(1);
    await expect(ask()).resolves.toBeUndefined();
    state.allowed = false;
    await clock.advance(59_999);
    await expect(ask()).resolves.toBeUndefined();
    expect(state.asked).toBe(2);
    await clock.advance(1);
    await expect(ask()).rejects.toThrow(refused);
  });
});
