import { describe, expect, it } from "@jest/globals";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { envelopeText } from "#nervous-system/schemas/envelope.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { renderReport } from "../verify.ts";
import { createChainCheck, type FileReport } from "./check-chains.ts";

const reportOf = (frames: readonly RecordedFrame[], isExcerpt: boolean): FileReport => {
  const check = createChainCheck(isExcerpt);
  for (const [at, frame] of frames.entries()) check.take({ kind: "frame", line: at + 1, frame });
  return check.report();
};
const whole = chainBuilder({ agent_uid: agentUid(1) }).take(6);
const [first, second, third, fourth, fifth] = whole as [
  RecordedFrame,
  RecordedFrame,
  RecordedFrame,
  RecordedFrame,
  RecordedFrame,
];

/** A frame of an external client. */
const single = (): RecordedFrame => {
  const envelope = { ...first.envelope, recorder: "collector", epoch: 0, seq: 0 } as const;
  const text = envelopeText(envelope);
  const link = { agentUid: envelope.agent_uid, epoch: 0, seq: 0, prevHash: zeroHash, envelopeText: text };
  const hash = chainHash({ ...link, observedNs: BigInt(envelope.observed), bytes: first.bytes });
  return { envelope, envelopeText: text, bytes: first.bytes, prevHash: zeroHash, hash };
};

describe("an excerpt of chains", () => {
  it("may lack frames, which a whole record may not, and says how many", () => {
    const some = [second, third, fifth];
    expect(reportOf(some, false)).toMatchObject({ ok: false, fault: { line: 1, why: /expected seq 1/ } });
    expect(reportOf(some, true)).toMatchObject({ ok: true, frames: 3, chains: [{ frames: 3, missing: 2 }] });
    expect(reportOf(whole, true).chains).toEqual(reportOf(whole, false).chains);
  });

  const changed = { ...third, bytes: Buffer.from(Buffer.from(third.bytes).toString().replace("thought", "Thought")) };
  const relinked = { ...third, prevHash: first.hash };
  it.each<[string, RecordedFrame[], RegExp]>([
    ["changed", [second, changed], /hash does not fit/],
    ["changed behind a gap", [first, changed], /hash does not fit/],
    ["linked to another one", [second, relinked], /prev_hash/],
    ["there twice", [second, second], /expected seq 3/],
    ["before an earlier one", [fourth, second], /expected seq 5/],
  ])("still shows a frame that is %s", (_, frames, why) => {
    expect(reportOf(frames, true).fault?.why).toMatch(why);
  });
});

describe("a GAP", () => {
  /** In the place of the third frame, with its hash, which the fourth follows. */
  const envelope = { ...third.envelope, event_type: "GAP" };
  const gap: RecordedFrame = { ...third, envelope, envelopeText: envelopeText(envelope), bytes: Buffer.from("{}") };

  it("is counted, and no fault: its hash is that of the frame whose place it has", () => {
    const report = reportOf([first, second, gap, fourth], false);
    expect(report).toMatchObject({ ok: true, gaps: 1, frames: 4 });
    expect(renderReport("x.jsonl", report)).toContain("1 GAP in the places of frames that are lost or were refused");
  });

  it("is a fault where it does not follow the frame before, or another one stands in its place", () => {
    expect(reportOf([first, { ...gap, envelope: { ...envelope, seq: 2 } }], false)).toMatchObject({ ok: false });
    expect(reportOf([first, second, { ...gap, prevHash: first.hash }], false)).toMatchObject({ ok: false });
    expect(reportOf([first, second, gap, { ...fourth, prevHash: second.hash }], false)).toMatchObject({ ok: false });
  });
});

it("tells a fault without what a terminal obeys", () => {
  const report = { ...reportOf(whole, false), ok: false, fault: { line: 1, why: "\u001b[2Jok: verified" } };
  expect(renderReport("x.jsonl", report).join("\n")).not.toContain("\u001b");
});

describe("a frame of no chain", () => {
  it("is verified by itself", () => {
    expect(reportOf([single(), first, single()], false)).toMatchObject({ ok: true, single: 2, frames: 3 });
    expect(reportOf([{ ...single(), bytes: second.bytes }], false)).toMatchObject({ ok: false });
  });
});
