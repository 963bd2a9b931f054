import * as z from "zod";

const image = z.string().max(512);
const storage = z
  .strictObject({
    size: z
      .string()
      .regex(/^[0-9]+[KMGT]i?$/)
      .describe("Size of the claim."),
    storageClassName: z.string().describe("Storage class; empty for the cluster's default."),
  })
  .describe("The claim that keeps its data.");
// Comments may stand between certificates, as in the bundles that systems have.
const pem = z.string().regex(/^\s*$|-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/);
const caCertificate = pem.describe("PEM of the CA of its certificate when external; empty: the public ones.");
const external = {
  bundled: z.boolean().describe("Whether the chart runs it."),
  image: image.describe("Image when bundled."),
  caCertificate,
  existingSecret: z.string().describe("Secret with the credentials; empty when bundled: the chart makes one."),
};
const duration = z.string().regex(/^([0-9]+(ms|s|m|h))+$/);
const ranges = z.array(z.union([z.cidrv4(), z.cidrv6()]));
const asInPolicy = z.looseObject({}).describe("As a NetworkPolicy has it.");
const peers = z.array(
  z.strictObject({
    namespaceSelector: asInPolicy.optional(),
    podSelector: asInPolicy.optional(),
    ipBlock: asInPolicy.optional(),
  }),
);
const namespace = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  .max(63);

const quantity = z.union([z.string().regex(/^[0-9]+(?:\.[0-9]+)?(?:m|k|[MGT]|[KMGT]i)?$/), z.number().positive()]);
const rate = z.string().regex(/^[1-9][0-9]{0,5}(Ki|Mi|Gi)$/);
const share = z.strictObject({ cpu: quantity.describe("CPUs."), memory: quantity.describe("Memory.") });

/** The values of the chart; `values.schema.json` and its reference page come from here. */
export const chartValues = z.strictObject({
  global: z.looseObject({}).describe("Helm's own.").optional(),
  images: z
    .strictObject({
      operator: image.describe("Operator, by digest."),
      pipeline: image.describe("Collector, gateway, siphon, summarizer, trimmer, auditor and reader, by digest."),
      scribe: image.describe("Scribe and fetch of every agent pod, by digest."),
      supervisor: image.describe("Publisher, by digest."),
    })
    .describe("Images of the product."),
  imagePullPolicy: z.enum(["Always", "IfNotPresent", "Never"]).describe("For every container."),
  imagePullSecrets: z
    .array(z.strictObject({ name: z.string().describe("Secret.") }))
    .describe("For every pod of the chart."),
  tenants: z
    .array(namespace)
    .meta({ uniqueItems: true })
    .describe("Namespaces that run missions; the release's own must not be one."),
  defaults: z
    .strictObject({
      agentImage: image.describe("Image of the agent container, by digest."),
      agentStop: duration.describe("Time an agent gets at SIGTERM."),
      drainTimeout: duration.describe("Time its scribe then gets to hand over the record."),
      agentResources: z
        .strictObject({
          requests: share.describe("What the scheduler keeps for it."),
          limits: share.describe("What it may use."),
        })
        .describe("CPU and memory of the container of an agent, and of each success criterion."),
    })
    .describe("What a Mission gets that does not say otherwise."),
  tls: z
    .strictObject({
      caCertificate: pem.describe(
        "PEM of the CA of your own Secrets enchanted-<collector, gateway, reader, bundled store>-tls; empty: the chart makes CA and certificates.",
      ),
    })
    .describe("Certificates of collector, gateway, reader and bundled stores."),
  caBundle: pem.describe(
    "PEM certificates that Git hosts and model endpoints may be signed by, beside the public ones.",
  ),
  collector: z
    .strictObject({
      metricsEndpoint: z.string().describe("OTLP gRPC endpoint for programs' metrics; empty keeps none."),
      metricsCaCertificate: pem.describe("PEM of the CA of its certificate; empty: the public ones."),
      allowFrom: peers.describe("Who else may call it beside agents and components."),
    })
    .describe("Where frames and telemetry arrive."),
  reader: z
    .strictObject({ allowFrom: peers.describe("Who may ask it questions from inside the cluster.") })
    .describe("What answers questions about the record."),
  gateway: z
    .strictObject({
      allowPrivate: z
        .boolean()
        .describe("Whether forges, models and allowed hosts on private addresses may be reached."),
      allowRanges: ranges.describe("The private networks that may be reached in any case."),
      clusterRanges: ranges.describe("Networks of the cluster with public addresses, which count as private."),
    })
    .describe("The only way from an agent to a model or a forge."),
  operator: z
    .strictObject({
      replicas: z.int().min(1).max(5).describe("Operators; one leads, the others wait."),
      logLevel: z.enum(["debug", "info", "warn", "error"]).describe("Log level of every component."),
    })
    .describe("The operator."),
  wal: storage.describe("Write-ahead logs of gateway and publisher; of the summarizer, too, with its stories."),
  nats: z
    .strictObject({
      ...external,
      url: z.string().describe("tls:// or nats:// URL when external."),
      syncAlways: z.boolean().describe("Whether each write is synced before it is acknowledged."),
      replicas: z.union([z.literal(1), z.literal(3)]).describe("Copies of each message."),
      streamSize: z
        .string()
        .regex(/^([1-9][0-9]{0,5}(Mi|Gi|Ti))?$/)
        .describe("What the stream of frames may hold; empty for as much as the storage."),
      replayWindow: z
        .string()
        .regex(/^[1-9][0-9]{0,5}[mhd]$/)
        .describe("How long frames stay in the stream that nobody needs any more."),
      storage,
    })
    .describe("The stream of all frames."),
  metrics: z
    .strictObject({ allowFrom: peers.describe("Who may read the components' metrics.") })
    .describe("The metrics of the components."),
  alerts: z
    .strictObject({ enabled: z.boolean().describe("Whether PrometheusRules are made.") })
    .describe("Alerts for a Prometheus operator."),
  clickhouse: z
    .strictObject({
      ...external,
      url: z.string().describe("HTTP URL when external."),
      memory: z
        .string()
        .regex(/^[0-9]+[KMGT]i?$/)
        .describe("Memory limit when bundled."),
      storage,
    })
    .describe("The ledger."),
  weaviate: z
    .strictObject({
      ...external,
      url: z.string().describe("URL of its REST interface when external; empty: nothing is remembered."),
      grpcUrl: z.string().describe("URL of its gRPC interface when external."),
      memory: z
        .string()
        .regex(/^[0-9]+[KMGT]i?$/)
        .describe("Memory limit when bundled."),
      storage,
    })
    .describe("The memory."),
  embedder: z
    .strictObject({
      kind: z.enum(["local", "lexical-hash", "openai"]).describe("Who makes vectors of texts."),
      url: z.string().describe("For openai: base of the endpoint."),
      model: z.string().describe("For openai: name of the model."),
      dimensions: z.int().min(0).max(65_535).describe("For openai: length of its vectors."),
      caCertificate: pem.describe("PEM of the CA of the endpoint's certificate; empty: the public ones."),
      existingSecret: z.string().describe("Secret with the endpoint's key; empty: none is sent."),
    })
    .describe("What the memory searches by meaning with."),
  summarizer: z
    .strictObject({
      url: z
        .string()
        .describe("Base of an endpoint that speaks chat completions; empty: lessons are in words of their frames."),
      model: z.string().describe("Name of the model there."),
      caCertificate: pem.describe("PEM of the CA of the endpoint's certificate; empty: the public ones."),
      existingSecret: z.string().describe("Secret with the endpoint's key; empty: none is sent."),
      callsPerHour: z.int().min(1).max(1_000_000).describe("Calls for the missions of one namespace in an hour."),
    })
    .describe("The model that summarises what missions learned."),
  s3: z
    .strictObject({
      ...external,
      endpoint: z.string().describe("URL when external."),
      region: z.string().describe("Region."),
      bucket: z.string().describe("Bucket of the blobs."),
      storage,
    })
    .describe("Blobs."),
  archive: z
    .strictObject({
      signingKey: z
        .strictObject({
          existingSecret: z
            .string()
            .describe("Secret with private.pem and public.pem; empty: the chart makes one and keeps it."),
        })
        .describe("The Ed25519 key that signs the archive's manifests."),
      lastUnsigned: z
        .string()
        .regex(/^([0-9a-f]{64})?$/)
        .describe(
          "sha256 of the last manifest that may be without a signature; empty: any before the first signed one.",
        ),
      objectLock: z
        .strictObject({
          mode: z.enum(["", "GOVERNANCE", "COMPLIANCE"]).describe("How; empty: not."),
          days: z.int().min(0).max(36_500).describe("For how many days from when they were written."),
        })
        .describe("Whether files and manifests are locked in the bucket."),
    })
    .describe("Every frame as Parquet in the bucket."),
  blobs: z
    .strictObject({
      maxBytesPerNamespace: z
        .string()
        .regex(/^([1-9][0-9]{0,5}(Mi|Gi|Ti))?$/)
        .describe("What the store keeps of one namespace; empty for as much as the store takes."),
      namespaceBytesPerSecond: rate.describe(
        "What all agents of a namespace may upload, and components of it, a second.",
      ),
      agentBytesPerSecond: rate.describe("What one agent may upload a second."),
    })
    .describe("What is too large for a frame."),
  neo4j: z
    .strictObject({
      ...external,
      url: z.string().describe("bolt(+s):// or neo4j(+s):// URL when external; empty: there is no graph."),
      memory: z
        .string()
        .regex(/^[0-9]+[KMGT]i?$/)
        .describe("Memory limit when bundled; half of it is the heap."),
      storage,
    })
    .describe("The graph."),
  jaeger: z
    .strictObject({
      bundled: external.bundled,
      image: external.image,
      caCertificate,
      endpoint: z.string().describe("OTLP gRPC endpoint when external; empty: traces are not forwarded."),
    })
    .describe("Traces."),
});

/** JSON Schema of the values, as Helm checks them at install. */
export const renderValuesSchema = (): object => z.toJSONSchema(chartValues, { target: "draft-7", io: "input" });
