import { graph } from "#pipeline/reader/graph/store.ts";
import { ledger } from "#pipeline/reader/ledger/store.ts";
import { memory } from "#pipeline/reader/memory/store.ts";

/** Every store that answers questions. A new one is a folder beside `ledger/` and a line here. */
export const stores = [ledger, memory, graph] as const;

/** The reader's environment, beside what every part of the pipeline takes and how it listens: what its stores need. */
export const storeSettings = ledger.settings.extend({ ...memory.settings.shape, ...graph.settings.shape });
