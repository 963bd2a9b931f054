import { ledger } from "#pipeline/reader/ledger/store.ts";

/** Every store that answers questions. A new one is a folder beside `ledger/` and a line here. */
export const stores = [ledger] as const;

/** The reader's environment, beside what every part of the pipeline takes and how it listens: what its stores need. */
export const storeSettings = ledger.settings;
