import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createFrameFile } from "#nervous-system/codecs/parquet/frame-file.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { erase, erasedDigest } from "#nervous-system/schemas/erased.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { readArchive } from "#pipeline/archive-reader/read-archive.ts";
import { createSignedFiles } from "#pipeline/archive-reader/signed-files.ts";
import { encodeFile } from "#pipeline/siphon/archive/encode-file.ts";
import { fileKey, filesPrefix, heldKey, manifestsPrefix, nextRevision } from "#pipeline/siphon/archive/keys.ts";
import { readObject } from "#pipeline/siphon/archive/read-object.ts";
import type { Cut, Sink } from "#pipeline/siphon/sink.ts";
import { startTestArchive, type TestArchive } from "./archive-harness.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";

const never = new AbortController().signal;
const cleanup = createCleanup();
let archive: TestArchive;
let sink: Sink;
beforeAll(async () => {
  archive = await startTestArchive(cleanup);
  await archive.client.ensureBucket();
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

const framesOf = (text: string): StoredFrame[] => {
  const chain = chainBuilder({ agent_uid: agentUid(1) });
  return Array.from({ length: 5 }, (_, n) => ({
    ...chain.next({ event_id: `e${n}`, payload: { text: `${text} ${n}` } }),
    place: n + 1,
    storedNs: 1n,
  }));
};
const cut: Cut = { stream: "2026-12-01T00:00:00Z", from: 1, to: 5, hash: "h1" };
const file = fileKey(cut);
const [ours, forged] = [framesOf("true"), framesOf("forged")];

beforeEach(async () => {
  await archive.clear();
  archive.told.length = 0;
  sink = archive.sink();
  await sink.prepare();
  await sink.keepCut({ ...cut, number: 1 });
});

const plant = async (key: string, bytes: Uint8Array): Promise<void> =>
  archive.client.put(key, Buffer.from(bytes), bytes.length);
const write = async (): Promise<void> => {
  expect(await sink.write({ cut, frames: ours }, never)).toEqual({ kind: "written" });
};
const order = async ({ envelope, place }: StoredFrame): Promise<void> => {
  const { namespace, event_id: eventId, agent_uid, epoch, seq } = envelope;
  const erasure = { namespace, eventId, agentUid: agent_uid, epoch, seq, principal: "", places: [place], blobs: [] };
  expect(await sink.erase([erasure], never)).toEqual({ kind: "written" });
};
/** What is said of each file, by the rest of its name. */
const words = async (): Promise<Record<string, string>> => {
  const files = createSignedFiles(archive.client, archive.signing.keys);
  await files.readOn();
  const said: Record<string, string> = {};
  for (const key of await archive.keys(filesPrefix))
    said[key.slice(-11)] = files.wordOf(key, (await readObject(archive.client, key))!).kind;
  return said;
};
/** What an import is given. */
const told = async (): Promise<string[]> => {
  const files = createSignedFiles(archive.client, archive.signing.keys);
  await files.readOn();
  const admits = (key: string, bytes: Uint8Array) => Promise.resolve(files.wordOf(key, bytes).kind === "signed");
  const texts: string[] = [];
  for await (const { frame } of readArchive(archive.client, undefined, admits))
    texts.push(erasedDigest(frame.bytes) === undefined ? textOf(frame) : "erased");
  return texts;
};
const textOf = ({ bytes }: StoredFrame): string =>
  (JSON.parse(Buffer.from(bytes).toString()) as { payload: { text: string } }).payload.text;
const faults = async (): Promise<readonly string[]> =>
  (await checkArchive(archive.client, archive.signing.keys)).faults;

const at = (key: string): string => key.slice(-11);
const [first, second, third] = [file, nextRevision(file), nextRevision(nextRevision(file))];
const whole = ours.map(textOf);
const withoutThird = whole.map((text, n) => (n === 2 ? "erased" : text));
/** A frame whose words somebody takes who was not told to. */
const robbed = ours.map((frame) => ({ ...frame, bytes: erase(frame.bytes) }));

describe("a file that somebody planted", () => {
  it.each([
    ["other frames", encodeFile({ cut, frames: forged })],
    ["no frames", Buffer.from("no file at all")],
    ["fewer frames", encodeFile({ cut, frames: ours.slice(1) })],
    ["frames without their words", encodeFile({ cut, frames: robbed })],
    ["frames of another cut", encodeFile({ cut: { ...cut, hash: "h2" }, frames: ours })],
  ])(
    "with %s where a batch is written is told, never signed, and the batch lies beside it",
    async (_, bytes) => {
      await plant(file, bytes);
      await write();
      await write();
      expect(await words()).toEqual({ [at(first)]: "refused", [at(second)]: "signed" });
      expect(await told()).toEqual(whole);
      expect(await archive.keys(manifestsPrefix)).toHaveLength(1);
      expect(archive.told[0]).toContain(`${file} is not what the siphon writes there`);
      expect(await faults()).toEqual([`no manifest speaks of ${file}`]);

      await order(ours[2]!);
      expect(await told()).toEqual(withoutThird);
    },
    60_000,
  );

  it("is ours where it holds the batch's frames in other bytes, as another version writes them", async () => {
    const other = createFrameFile({ "enchanted.cut": JSON.stringify(cut) });
    await plant(file, Buffer.concat([other.group(ours.slice(0, 2)), other.group(ours.slice(2)), other.end()]));
    await write();
    expect(await words()).toEqual({ [at(first)]: "signed" });
    expect([archive.told, await faults()]).toEqual([[], []]);
  }, 60_000);

  it.each([
    // It names the frame that is to be erased, so its words of that go as everywhere.
    ["other frames", encodeFile({ cut, frames: forged }), nextRevision(third)],
    ["more erased than was ordered", encodeFile({ cut, frames: robbed }), second],
  ])(
    "with %s where an erasure puts its file is told, never signed, and every other word stays",
    async (_, bytes, left) => {
      await write();
      await plant(second, bytes);
      await order(ours[2]!);
      expect(await words()).toEqual({ [at(third)]: "signed", [at(left)]: "refused" });
      expect(await told()).toEqual(withoutThird);
      expect(await faults()).toEqual([`no manifest speaks of ${left}`]);
    },
    60_000,
  );

  it("and that holds what is to be erased is rid of it, and nobody's as before", async () => {
    await write();
    const stranger = fileKey({ ...cut, hash: "h2" });
    await plant(
      stranger,
      encodeFile({ cut: { ...cut, hash: "h2" }, frames: [...forged.slice(0, 2), ...ours.slice(2)] }),
    );
    await plant(fileKey({ ...cut, hash: "h3" }), Buffer.from("no file at all"));
    await order(ours[2]!);
    expect(await archive.keys(filesPrefix)).not.toContain(stranger);
    await expect(archive.frames()).rejects.toThrow("cannot be read");
    await archive.client.delete(fileKey({ ...cut, hash: "h3" }));
    const all = (await archive.frames()).map(({ bytes }) => Buffer.from(bytes).toString()).join();
    expect(all).toContain("forged");
    expect(all).not.toContain(textOf(ours[2]!));
    expect(await told()).toEqual(withoutThird);
    expect(await faults()).toEqual([`no manifest speaks of ${nextRevision(stranger)}`]);
  }, 60_000);

  it("as a revision, with a mark that the file before it may go, takes nothing from anybody", async () => {
    await write();
    await plant(second, encodeFile({ cut, frames: robbed }));
    await plant(heldKey(file), Buffer.from(JSON.stringify({ key: file, untilMs: 1 })));
    await sink.prepare();
    expect(await told()).toEqual(whole);
    // Nor does the mark keep words from being erased.
    await order(ours[2]!);
    expect(await told()).toEqual(withoutThird);
    expect(await archive.keys(filesPrefix)).not.toContain(file);
  }, 60_000);
});
