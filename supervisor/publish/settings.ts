import * as z from "zod";
import { componentRecorderSettings } from "#nervous-system/recorder/component-settings.ts";

/** The publisher's environment. */
export const publisherSettings = componentRecorderSettings.extend({
  ENCHANTED_SCRATCH_DIR: z
    .string()
    .min(1)
    .default("/tmp/publisher")
    .describe("directory for what is gone after a publication"),
  NATS_URL: z.string().min(1).describe("tls:// or nats://host:port of JetStream, several separated by commas"),
  NATS_USER: z.string().optional().describe("user name of this component at NATS"),
  NATS_PASSWORD: z.string().optional().describe("its password"),
  NATS_CA_FILE: z.string().optional().describe("PEM file with the CA of NATS; without it the public ones"),
  KUBECONFIG: z.string().optional().describe("path of a kubeconfig; inside a cluster unset"),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info").describe("debug, info, warn or error"),
  ENCHANTED_HEALTH_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe("port of /metrics, /healthz and /readyz"),
  ENCHANTED_EXTRA_CA_FILE: z.string().optional().describe("PEM file with further CAs of forges"),
  ENCHANTED_MAX_REPOSITORY_BYTES: z.coerce
    .number()
    .int()
    .min(1_048_576)
    .default(1_073_741_824)
    .describe("what a mission's branch may take on the disk with all of its history, packed"),
  ENCHANTED_GIVE_UP_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(604_800)
    .default(3_600)
    .describe("how long a proposal is tried again while forge or cluster do not answer"),
});

/** See `publisherSettings`. */
export type PublisherSettings = z.output<typeof publisherSettings>;
