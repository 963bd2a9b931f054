import * as z from "zod";

/** What every part of the pipeline takes from its environment. */
export const sharedSettings = z.object({
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info").describe("debug, info, warn or error"),
  ENCHANTED_HEALTH_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe("port of /metrics, /healthz and /readyz"),
});

/** Where the API server is. */
export const kubeSettings = z.object({
  KUBECONFIG: z.string().optional().describe("path of a kubeconfig; inside a cluster unset"),
});

/** Where NATS is. */
export const busSettings = z.object({
  NATS_URL: z.string().min(1).describe("tls:// or nats://host:port of JetStream, several separated by commas"),
  NATS_USER: z.string().optional().describe("user name of this component at NATS"),
  NATS_PASSWORD: z.string().optional().describe("its password"),
  NATS_CA_FILE: z.string().optional().describe("PEM file with the CA of NATS; without it the public ones"),
});

const unitBytes: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/** A number of bytes, as it is or in a unit: 65536, 64Ki, 2560Mi. */
export const byteSize = z
  .string()
  .regex(/^[1-9]\d{0,14}$|^[1-9]\d{0,5}(Ki|Mi|Gi|Ti)$/)
  .transform((text) => Number.parseInt(text, 10) * (unitBytes[text.slice(-2)] ?? 1));

/** How the streams are kept. */
export const streamSettings = z.object({
  NATS_REPLICAS: z
    .enum(["1", "3"])
    .default("1")
    .transform((text) => (text === "3" ? 3 : 1))
    .describe("copies of each stream: 1 on one server, 3 on a cluster"),
  NATS_STREAM_SIZE: byteSize
    .optional()
    .describe("what the stream of frames may hold, such as 2560Mi; without it the server's storage is the bound"),
});

/** How the archive is locked. */
export const lockSettings = z.object({
  ARCHIVE_LOCK_MODE: z
    .enum(["GOVERNANCE", "COMPLIANCE"])
    .optional()
    .describe(
      "how files and manifests of the archive are locked; without it they are not. The bucket is created for that",
    ),
  ARCHIVE_LOCK_DAYS: z.coerce.number().int().min(1).max(36_500).default(30).describe("for how many days"),
});

/** Where blobs are kept. */
export const blobSettings = z.object({
  S3_ENDPOINT: z.url().describe("http(s)://host:port of the S3 service"),
  S3_CA_FILE: z.string().optional().describe("PEM file with the CA of the S3 service; without it the public ones"),
  S3_REGION: z.string().min(1).default("us-east-1").describe("region of the bucket"),
  S3_BUCKET: z.string().min(3).describe("bucket for blobs; it is created when it is missing"),
  S3_ACCESS_KEY_ID: z.string().min(1).describe("access key"),
  S3_SECRET_ACCESS_KEY: z.string().min(1).describe("its secret"),
  ...lockSettings.shape,
});

/** How the archive is locked; undefined where it is not. */
export const archiveLock = (settings: z.output<typeof lockSettings>): ArchiveLock | undefined => {
  const { ARCHIVE_LOCK_MODE: mode, ARCHIVE_LOCK_DAYS: days } = settings;
  return mode && { mode, days };
};

/** See `archiveLock`. */
export type ArchiveLock = { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly days: number };

/** See the schemas of the same names. */
export type SharedSettings = z.output<typeof sharedSettings>;
/** See `kubeSettings`. */
export type KubeSettings = z.output<typeof kubeSettings>;
/** See `busSettings`. */
export type BusSettings = z.output<typeof busSettings>;
/** See `streamSettings`. */
export type StreamSettings = z.output<typeof streamSettings>;
/** See `blobSettings`. */
export type BlobSettings = z.output<typeof blobSettings>;
