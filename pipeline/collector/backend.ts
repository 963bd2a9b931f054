import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { readOnlyCa, trustedCas } from "#nervous-system/kernel/trusted-cas.ts";

/**
 * Opens the OTLP backend at a URL, if there is one. Only `https://` is TLS; its certificate has to come from the CA of the
 * file, or from a public one without a file.
 */
export const openBackend = async (
  url: string | undefined,
  caFile: string | undefined,
  clock: Clock,
): Promise<GrpcClient | undefined> => {
  if (url === undefined) return undefined;
  const address = url.replace(/^https?:\/\//, "");
  if (!url.startsWith("https://")) return createGrpcClient({ address, clock });
  return createGrpcClient({ address, caPem: (await readOnlyCa(caFile)) ?? trustedCas().join("\n"), clock });
};
