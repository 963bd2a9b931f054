/** One level of a log: facts as fields, then a sentence. */
export type LogLine = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Where a component says what it does; the logger of telemetry is one. */
export type Log = { debug: LogLine; info: LogLine; warn: LogLine; error: LogLine };

/** A log that keeps nothing, for code whose owner does not listen. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
