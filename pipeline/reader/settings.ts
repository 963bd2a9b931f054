import * as z from "zod";
import { storeSettings } from "#pipeline/reader/stores.ts";

/** The reader's environment, beside what every part of the pipeline takes. */
export const readerSettings = storeSettings.extend({
  ENCHANTED_RELEASE_NAMESPACE: z.string().min(1).describe("namespace that the chart is installed in"),
  ENCHANTED_LISTEN: z
    .string()
    .regex(/^.+:[0-9]+$/)
    .default("0.0.0.0:4319")
    .describe("host:port of the gRPC server"),
  ENCHANTED_TLS_CERT_FILE: z.string().min(1).describe("PEM file with the server's certificate chain"),
  ENCHANTED_TLS_KEY_FILE: z.string().min(1).describe("PEM file with its key"),
});

/** See `readerSettings`. */
export type ReaderSettings = z.output<typeof readerSettings>;
