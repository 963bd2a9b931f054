import * as z from "zod";
import { byteSize, lockSettings } from "#pipeline/settings.ts";

const backend = (purpose: string) =>
  z
    .string()
    .regex(/^(?:https?:\/\/)?[^/]+:[0-9]+$/)
    .optional()
    .describe(`https://host:port, or http:// for plain text, of an OTLP gRPC backend that ${purpose}`);
const backendCa = z.string().optional().describe("PEM file with the CA of that backend; without it the public ones");

/** The collector's environment, beside what every part of the pipeline takes. */
export const collectorSettings = z.object({
  ENCHANTED_RELEASE_NAMESPACE: z.string().min(1).describe("namespace that the chart is installed in"),
  ENCHANTED_LISTEN: z
    .string()
    .regex(/^.+:[0-9]+$/)
    .default("0.0.0.0:4317")
    .describe("host:port of the gRPC server"),
  ENCHANTED_LISTEN_HTTP: z
    .string()
    .regex(/^.+:[0-9]+$/)
    .default("0.0.0.0:4318")
    .describe("host:port of OTLP over HTTP"),
  ENCHANTED_TLS_CERT_FILE: z.string().min(1).describe("PEM file with the server's certificate chain"),
  ENCHANTED_TLS_KEY_FILE: z.string().min(1).describe("PEM file with its key"),
  ENCHANTED_TRACES_ENDPOINT: backend("gets the spans; none keeps no spans"),
  ENCHANTED_TRACES_CA_FILE: backendCa,
  ENCHANTED_METRICS_ENDPOINT: backend("gets the metrics that programs send; none takes none"),
  ENCHANTED_METRICS_CA_FILE: backendCa,
  ENCHANTED_READER: z
    .string()
    .regex(/^[^/]+:[0-9]+$/)
    .optional()
    .describe("host:port of the reader, which agents' recall is asked of; without it nothing is recalled"),
  ENCHANTED_READER_CA_FILE: z.string().default("/ca/ca.crt").describe("PEM file with the chart's CA, for the reader"),
  ENCHANTED_TOKEN_FILE: z
    .string()
    .default("/token/token")
    .describe("projected token of audience enchanted-collector, for the reader"),
  ENCHANTED_NAMESPACE_FRAMES_PER_SECOND: z.coerce
    .number()
    .int()
    .min(1)
    .default(60_000)
    .describe("frames a second that all agents and external clients of one namespace may send; ten times that at once"),
  ENCHANTED_AGENT_FRAMES_PER_SECOND: z.coerce
    .number()
    .int()
    .min(1)
    .default(20_000)
    .describe("frames a second that one agent may send; ten times that at once"),
  ENCHANTED_NAMESPACE_BLOB_BYTES: byteSize
    .optional()
    .describe(
      "bytes of blobs that the store keeps of one namespace, such as 4Gi; without it only the store bounds them",
    ),
  ENCHANTED_NAMESPACE_BLOB_BYTES_PER_SECOND: byteSize
    .default(4 * 2 ** 20)
    .describe(
      "bytes of blobs a second of one namespace, and as many of what components record of it; 512 times that at once",
    ),
  ENCHANTED_AGENT_BLOB_BYTES_PER_SECOND: byteSize
    .default(2 ** 20)
    .describe("bytes of blobs a second that one agent may send; 512 times that at once"),
  ...lockSettings.shape,
});

/** See `collectorSettings`. */
export type CollectorSettings = z.output<typeof collectorSettings>;
