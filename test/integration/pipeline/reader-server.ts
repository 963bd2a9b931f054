import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { askMethod } from "#nervous-system/comms/grpc/methods.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { AskPartSchema, AskRequestSchema, type AskSummary } from "#nervous-system/schemas/gen/reader_pb.ts";
import { readerClusterAccess } from "#pipeline/reader/authorise.ts";
import { readerSettings } from "#pipeline/reader/settings.ts";
import { startReader, type Reader } from "#pipeline/reader/start.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";
import { kubeconfigWithAccess } from "#test/integration/gateway/swarm-plane.ts";
import { clientOn, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { temporaryDirectory, type Cleanup } from "./bus-harness.ts";
import { testReader, type TestLedger } from "./ledger-harness.ts";
import type { TestMemory } from "./memory-harness.ts";

/** A reader under exactly its own rights. */
export type TestReaderServer = {
  readonly reader: Reader;
  /** PEM file with the CA of its certificate. */
  readonly caFile: string;
  /** A client that verifies the reader's certificate and sends this token. */
  clientOf(token: string | undefined): GrpcClient;
};

/** What a reader's environment says of a memory. */
export const memoryEnvironment = ({ server }: TestMemory): Readonly<Record<string, string>> => ({
  WEAVIATE_URL: server.url,
  WEAVIATE_GRPC_URL: server.grpcUrl,
  WEAVIATE_API_KEY: server.apiKey,
});

/** Starts a reader against an API server, a ledger and what `more` of its environment says, such as other stores. */
export const startTestReader = async (
  test: TestPlane,
  { server }: TestLedger,
  cleanup: Cleanup,
  more: Readonly<Record<string, string>> = {},
): Promise<TestReaderServer> => {
  const clock = systemClock();
  const namespace = await freshNamespace(test.admin);
  const user = `system:serviceaccount:${namespace}:enchanted-reader`;
  const access = { cluster: readerClusterAccess, tenant: [], namespace };
  const kubeconfig = await kubeconfigWithAccess(test, user, access);
  const { client, close } = clientOn({ kind: "file", path: kubeconfig });
  cleanup.add(close);
  const names = ["DNS:enchanted-reader", "IP:127.0.0.1"];
  const tls = await serverIdentity(join(await temporaryDirectory(cleanup), "pki"), "reader", names);
  const settings = readerSettings.parse({
    ENCHANTED_RELEASE_NAMESPACE: namespace,
    ENCHANTED_LISTEN: "127.0.0.1:0",
    ENCHANTED_TLS_CERT_FILE: tls.certFile,
    ENCHANTED_TLS_KEY_FILE: tls.keyFile,
    CLICKHOUSE_URL: server.url,
    CLICKHOUSE_USER: testReader.username,
    CLICKHOUSE_PASSWORD: testReader.password,
    ...more,
  });
  const shared = { clock, random: Math.random, log: silentLog, healthPort: 0 };
  const reader = await startReader({ ...shared, settings, client });
  cleanup.add(() => reader.stop(1_000));
  const caPem = await readFile(tls.caFile, "utf8");
  return {
    reader,
    caFile: tls.caFile,
    clientOf: (token) => {
      const made = createGrpcClient({
        address: `127.0.0.1:${reader.port}`,
        caPem,
        serverName: "enchanted-reader",
        ...(token === undefined ? {} : { token: () => Promise.resolve(token) }),
        clock,
      });
      cleanup.add(() => made.close());
      return made;
    },
  };
};

/** What is asked. */
export type TestQuestion = {
  readonly query: string;
  readonly namespace?: string;
  readonly parameters?: Record<string, unknown>;
  readonly limit?: number;
  readonly explain?: boolean;
};

/** A whole answer. */
export type TestAnswered = {
  readonly columns: readonly string[];
  readonly rows: ReadonlyArray<Record<string, unknown>>;
  readonly summary: AskSummary;
};

/** Asks over the wire; rejects with `GrpcFailure`, and where the answer has no summary. */
export const askOver = async (client: GrpcClient, question: TestQuestion): Promise<TestAnswered> => {
  const { query, namespace = "", parameters = {}, limit = 0, explain = false } = question;
  const request = create(AskRequestSchema, {
    query,
    namespace,
    paramsJson: JSON.stringify(parameters),
    limit,
    explain,
  });
  const bytes = Buffer.from(toBinary(AskRequestSchema, request));
  const rows: Array<Record<string, unknown>> = [];
  let columns: string[] = [];
  for await (const message of client.serverStream(askMethod, bytes, { deadlineMs: 60_000 })) {
    const { part } = fromBinary(AskPartSchema, message);
    if (part.case === "columns") columns = part.value.columns.map(({ name }) => name);
    if (part.case === "rows") rows.push(...part.value.rows.map((row) => JSON.parse(row) as Record<string, unknown>));
    if (part.case === "summary") return { columns, rows, summary: part.value };
  }
  throw new Error("the answer broke off");
};
