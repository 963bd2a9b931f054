import { expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { refuse, retry } from "#supervisor/publish/proposal.ts";
import { createRefusedAttempts } from "#supervisor/publish/refused-attempts.ts";

const frameOf = (agent_uid: string, epoch: number): StoredFrame => ({ envelope: { agent_uid, epoch } }) as StoredFrame;

it("an attempt whose proposals were refused too often is not looked at any more; others are", () => {
  const attempts = createRefusedAttempts(2);
  const junk = frameOf("a", 1);
  attempts.note(junk, refuse("InvalidBundle", "junk"));
  attempts.note(junk, retry("later"));
  expect(attempts.judge(junk)).toBeUndefined();
  attempts.note(junk, refuse("InvalidBundle", "junk"));
  expect(attempts.judge(junk)).toMatchObject({ reason: "TooManyRefused" });
  expect(attempts.judge(frameOf("a", 2))).toBeUndefined();
  expect(attempts.judge(frameOf("b", 1))).toBeUndefined();
});

it("an attempt is looked at however many of its proposals a later one has superseded", () => {
  const attempts = createRefusedAttempts(2);
  for (let n = 0; n < 9; n += 1) attempts.note(frameOf("a", 1), refuse("Superseded", "a later one stands there"));
  expect(attempts.judge(frameOf("a", 1))).toBeUndefined();
});

it("what is remembered is bounded", () => {
  const attempts = createRefusedAttempts(1);
  for (let n = 0; n <= 10_000; n += 1) attempts.note(frameOf(String(n), 1), refuse("ForgeRefused", "no"));
  expect(attempts.judge(frameOf("0", 1))).toBeUndefined();
  expect(attempts.judge(frameOf("10000", 1))).toBeDefined();
});
