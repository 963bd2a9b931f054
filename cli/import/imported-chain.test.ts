import { expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { decodeStoredFrame } from "#nervous-system/recorder/stored-record.ts";
import { countingIds } from "#nervous-system/schemas/ids.ts";
import { identityOf } from "../outbox/outbox.ts";
import { importedUid } from "./chain-uid.ts";
import { beginChain } from "./imported-chain.ts";

const DAY_NS = 86_400_000_000_000n;

it("An imported chain takes no time that has not come yet, and goes on at those that have", async () => {
  const clock = manualClock();
  const nowNs = BigInt(clock.now()) * 1_000_000n;
  const observed: bigint[] = [];
  const chain = await beginChain({
    identity: identityOf({ agent_uid: importedUid("local", "codex", "s"), agent_id: "codex", namespace: "local" }),
    redactor: undefined,
    ids: countingIds(),
    clock,
    log: {
      append: async (payload) => {
        observed.push(BigInt(decodeStoredFrame(Buffer.from(payload)).envelope.observed));
      },
      close: async () => undefined,
      came: () => ({ added: observed.length, known: 0, refused: 0 }),
    },
  });
  const year2400 = BigInt(Date.parse("2400-01-01T00:00:00Z")) * 1_000_000n;
  const past = nowNs - 5n * DAY_NS;
  for (const observedNs of [past, year2400, past + 1000n, nowNs + 2n * DAY_NS, nowNs, nowNs + DAY_NS / 2n]) {
    const payload = { from: "user", to: "codex", channel: "session", text: "x" };
    const told = await chain.tell({ event_type: "MESSAGE", payload }, { producer: "agent", observedNs });
    expect(told.ok).toBe(true);
  }
  expect(observed).toEqual([past, past + 1n, past + 1000n, past + 1001n, nowNs, nowNs + DAY_NS / 2n]);
});
