import * as z from "zod";
import { durationMs } from "#nervous-system/kernel/duration.ts";
import { DEFAULT_LEASE_TIMES, type LeaseTimes } from "#nervous-system/kubernetes/lease-decision.ts";
import { componentRecorderSettings } from "#nervous-system/recorder/component-settings.ts";

/** A duration as people write it: `30s`, `1m30s`, `500ms`. */
export const durationPattern = /^([0-9]+(ms|s|m|h))+$/;

const text = (description: string): z.ZodString => z.string().min(1).describe(description);
const duration = (fallback: string, description: string) =>
  z
    .string()
    .regex(durationPattern)
    .default(fallback)
    .transform(durationMs)
    .describe(`${description}, such as ${fallback}`);
const quantity = (fallback: string, description: string) =>
  z
    .string()
    .regex(/^[0-9]+(?:\.[0-9]+)?(m|[KMGTPE]i?|k)?$/)
    .default(fallback)
    .describe(description);
const image = (description: string): z.ZodString =>
  z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/)
    .describe(`${description}, by digest`);

const namespaces = (description: string) =>
  z
    .string()
    .regex(/^(?:[a-z0-9-]+(?:,[a-z0-9-]+)*)?$/)
    .default("")
    .transform((list) => [...new Set(list.split(",").filter((name) => name !== ""))])
    .describe(description);

/** The operator's environment. */
export const operatorSettings = componentRecorderSettings.extend({
  ENCHANTED_RELEASE_NAME: text("name of the release, by which its pods are labelled"),
  ENCHANTED_TENANTS: namespaces("namespaces that run missions, separated by commas"),
  ENCHANTED_SCRIBE_IMAGE: image("image of fetch and scribe"),
  ENCHANTED_AGENT_IMAGE: image("image of agents and verifiers"),
  ENCHANTED_AGENT_STOP: duration("10s", "time an agent gets at SIGTERM"),
  ENCHANTED_DRAIN_TIMEOUT: duration("30s", "time a scribe gets to hand over the record"),
  ENCHANTED_VERIFY_TIMEOUT: duration("30m", "time the success criteria get"),
  ENCHANTED_FAILURE_PAUSE: duration("10s", "pause after the first failed attempt"),
  ENCHANTED_DISRUPTION_PAUSE: duration("1s", "pause after the first disrupted attempt"),
  ENCHANTED_AGENT_CPU_REQUEST: quantity("100m", "CPU that an agent asks for"),
  ENCHANTED_AGENT_CPU_LIMIT: quantity("2", "CPU that an agent may use"),
  ENCHANTED_AGENT_MEMORY_REQUEST: quantity("256Mi", "memory that an agent asks for"),
  ENCHANTED_AGENT_MEMORY_LIMIT: quantity("1Gi", "memory that an agent may use"),
  ENCHANTED_WORKSPACE_SIZE: quantity("2Gi", "size of an agent's workspace"),
  ENCHANTED_WAL_SIZE: quantity("768Mi", "size of a scribe's write-ahead log"),
  ENCHANTED_EXTRA_CA_FILE: z.string().optional().describe("PEM file with further CAs that forges are signed by"),
  ENCHANTED_GATEWAY: text("host:port of the gateway").default("enchanted-gateway:8443"),
  ENCHANTED_GATEWAY_TOKEN_FILE: text("projected token of audience enchanted-gateway"),
  ENCHANTED_HEALTH_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe("port of metrics and health"),
  ENCHANTED_LEASE_DURATION: duration(`${DEFAULT_LEASE_TIMES.durationMs / 1000}s`, "how long the lease is valid"),
  NATS_URL: text("JetStream, tls:// or nats://host:port"),
  NATS_USER: z.string().optional().describe("user of JetStream"),
  NATS_PASSWORD: z.string().optional().describe("its password"),
  NATS_CA_FILE: z.string().optional().describe("PEM file with the CA of NATS; without it the public ones"),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional().describe("OTLP gRPC endpoint for the operator's own spans"),
  OTEL_EXPORTER_OTLP_CERTIFICATE: z
    .string()
    .optional()
    .describe("PEM file with its CA, where it is https://; without it the public ones"),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info").describe("debug, info, warn or error"),
  KUBECONFIG: z.string().optional().describe("path of a kubeconfig; inside a cluster leave it unset"),
});

/** See `operatorSettings`. */
export type OperatorSettings = z.output<typeof operatorSettings>;

/** Lease times in the proportions of client-go's defaults. */
export const leaseTimes = (leaseMs: number): LeaseTimes => ({
  durationMs: leaseMs,
  renewDeadlineMs: Math.floor((leaseMs * 2) / 3),
  retryMs: Math.floor((leaseMs * 2) / 15),
});
