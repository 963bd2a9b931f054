import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";

/** A structured logger: one JSON object a line; `child` adds fields to every line. */
export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "child">;

/** From which severity on lines are written. */
export type LogLevel = "debug" | "info" | "warn" | "error";

// Names under which credentials travel in what we log; a value there is never printed.
const SECRET_FIELDS = ["authorization", "token", "password", "apiKey", "secret"];

/** Creates a component's logger; it writes to standard output unless given a destination. */
export const createLogger = (component: string, level: LogLevel, destination?: DestinationStream): Logger => {
  const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  const options = {
    level,
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths, censor: "[redacted]" },
  };
  return destination ? pino(options, destination) : pino(options);
};
