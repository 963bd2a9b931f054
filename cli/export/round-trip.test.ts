import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import type { Host } from "../host.ts";
import { openFileDestination } from "../import/destination.ts";
import { importRecord } from "../import/import-record.ts";
import { emptyOutcome } from "../import/outcome.ts";
import { readEntries } from "../import/read-entries.ts";
import { createChainCheck } from "../record/check-chains.ts";
import { once, readItems } from "../record/read-file.ts";
import { createLineWriter } from "./frame-writers.ts";

let cwd: string;
let host: Host;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "enchanted-round-trip-"));
  host = { cwd, env: {}, clock: manualClock(), ids: randomIds() } as unknown as Host;
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const odd = fc.oneof(
  fc.jsonValue(),
  fc.string({ unit: "binary" }),
  fc.constantFrom(',"enchanted":{"envelope":', "\u2028\r\n", "\u0000", "x".repeat(200_000), 1e300, 2 ** 53 + 2, -0.1),
);
const chains = fc.array(
  fc.record({
    agent: fc.nat({ max: 3 }),
    epoch: fc.integer({ min: 1, max: 2 }),
    event_id: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
    payload: fc.dictionary(fc.string({ unit: "grapheme" }), odd, { maxKeys: 4 }),
    isLeftOut: fc.boolean(),
  }),
  { maxLength: 12 },
);

describe("what is exported as lines", () => {
  it("verifies, and is the same file once it was imported, whatever its frames hold", async () => {
    await fc.assert(
      fc.asyncProperty(chains, async (told) => {
        const builders = new Map<string, ReturnType<typeof chainBuilder>>();
        const frames = told.flatMap(({ agent, epoch, event_id, payload, isLeftOut }) => {
          const key = `${agent}/${epoch}`;
          const builder = builders.get(key) ?? chainBuilder({ agent_uid: agentUid(agent), epoch });
          builders.set(key, builder);
          const frame = builder.next({ event_id, payload });
          return isLeftOut ? [] : [{ ...frame, place: 1, storedNs: 0n }];
        });
        let text = "";
        const writer = createLineWriter({ write: async (line) => void (text += String(line)) });
        for (const frame of frames) await writer.frame(frame);
        await writeFile(join(cwd, "out.jsonl"), text);

        const check = createChainCheck(true);
        for await (const item of readItems(host, "out.jsonl", once)) check.take(item);
        expect(check.report()).toMatchObject({ ok: true, frames: frames.length, torn: [], unchained: 0 });

        await rm(join(cwd, "in.jsonl"), { force: true });
        for (let time = 0; time < 2; time += 1) {
          const destination = await openFileDestination(host, "in.jsonl");
          const context = {
            host,
            namespace: "local",
            redactor: undefined,
            hasOwnRules: false,
            destination,
            signal: new AbortController().signal,
          };
          const outcome = emptyOutcome("out.jsonl", destination.name);
          await importRecord(
            context,
            readEntries(join(cwd, "out.jsonl"), () => undefined),
            outcome,
          );
          expect(await destination.close()).toBeUndefined();
          const { length } = frames;
          expect(outcome).toMatchObject({ frames: length, added: time === 0 ? length : 0, unread: [] });
          expect(outcome.known).toBe(length - outcome.added);
        }
        expect(await readFile(join(cwd, "in.jsonl"), "utf8")).toBe(text);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  }, 60_000);
});
