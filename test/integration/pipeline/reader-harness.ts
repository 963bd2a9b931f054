import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { createReadClient } from "#nervous-system/stores/clickhouse/read-client.ts";
import type { ReadStore } from "#pipeline/reader/answer.ts";
import { createLedgerStore } from "#pipeline/reader/ledger/store.ts";
import { parseParameters } from "#pipeline/reader/parameters.ts";
import { rowSchemaOf } from "#pipeline/reader/row-schema.ts";
import { testReader, type TestLedger } from "./ledger-harness.ts";

/** What a question was answered with, and what was read for it. */
type TestAnswer = { readonly rows: Array<Record<string, unknown>>; readonly rowsRead: number };

/** Asks as somebody who may read the namespace; `nowMs` is 2026-12-01. */
type Ask = (
  namespace: string,
  name: string,
  parameters?: Record<string, unknown>,
  rows?: number,
) => Promise<TestAnswer>;

/** A ledger's reader, as the service uses it. */
export type TestReader = { readonly store: ReadStore; readonly ask: Ask };

/** How a store is asked by the service, whose answer has to be what the question says. */
export const askingOf =
  (store: ReadStore): Ask =>
  async (namespace, name, parameters = {}, rows = 10_000) => {
    const question = store.questions.find((one) => one.name === name);
    if (question === undefined) throw new Error(`no question ${name}`);
    const parsed = parseParameters(question, JSON.stringify(parameters), Date.parse("2026-12-01T00:00:00Z"));
    if (parsed.kind === "invalid") throw new Error(parsed.message);
    const { signal } = new AbortController();
    const found: Array<Record<string, unknown>> = [];
    let rowsRead = 0;
    for await (const batch of store.answer(question, { namespace, values: parsed.values, rows, signal }).batches) {
      found.push(...batch.rows.map((row) => rowSchemaOf(question).parse(row)));
      rowsRead = batch.rowsRead;
    }
    return { rows: found, rowsRead };
  };

/** Reads a ledger as its user who may only read; a question takes `memoryBytes` at most. */
export const openTestReader = ({ server }: TestLedger, memoryBytes = 512 * 1024 * 1024): TestReader => {
  const { url } = server;
  const limits = { timeMs: 60_000, memoryBytes };
  const store = createLedgerStore(createReadClient({ url, ...testReader, limits }));
  return { store, ask: askingOf(store) };
};

/** Writes frames as the siphon does, in one batch. */
export const writeFrames = async (ledger: TestLedger, frames: readonly StoredFrame[]): Promise<void> => {
  const sink = ledger.sink();
  await sink.prepare();
  const [from = 0, to = 0] = [frames[0]?.place, frames.at(-1)?.place];
  const cut = { stream: `2026-11-30T00:00:00Z ${from}`, from, to, hash: "" };
  const result = await sink.write({ cut, frames }, new AbortController().signal);
  await sink.close();
  if (result.kind !== "written") throw new Error(JSON.stringify(result));
};
