import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createReadClient } from "#nervous-system/stores/clickhouse/read-client.ts";
import { ledgerQueries } from "#pipeline/reader/ledger/queries.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { writeFrames } from "./reader-harness.ts";
import { askOver, startTestReader, type TestReaderServer } from "./reader-server.ts";
import { allowRecording } from "./recording-right.ts";

const cleanup = createCleanup();
let plane: TestPlane;
let ledger: TestLedger;
let server: TestReaderServer;
let [ours, theirs] = ["", ""];
let [reader, writer, stranger]: GrpcClient[] = [];

const clientOf = async (account: string, audience = "enchanted-collector"): Promise<GrpcClient> =>
  server.clientOf(await tokenFor(plane.admin, { namespace: ours, name: account }, audience));

const failureOf = (call: Promise<unknown>): Promise<GrpcFailure> =>
  call.then(
    (value) => Promise.reject(new Error(`the call succeeded with ${JSON.stringify(value)}`)),
    (error: unknown) => error as GrpcFailure,
  );

/** Errors of one agent in a namespace, `textBytes` each. */
const writeErrors = async (namespace: string, uid: number, frames: number, textBytes: number): Promise<void> => {
  const chain = chainBuilder({ agent_uid: agentUid(uid), namespace });
  const place = uid * 100_000;
  const stored = Array.from({ length: frames }, (_, n) => ({
    ...chain.next({ event_type: "ERROR", payload: { message: `${namespace} ${n} `.padEnd(textBytes, "x") } }),
    place: place + n,
    storedNs: 1_763_701_175_000_000_000n,
  }));
  for (let at = 0; at < frames; at += 50) await writeFrames(ledger, stored.slice(at, at + 50));
};

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  ledger = await startTestLedger(cleanup);
  server = await startTestReader(plane, ledger, cleanup);
  [ours, theirs] = [await freshNamespace(plane.admin), await freshNamespace(plane.admin)];
  for (const account of ["reader", "writer", "stranger"]) await createAccount(plane.admin, ours, account);
  await allowRecording(plane, ours, "reader", ["get"]);
  await allowRecording(plane, ours, "writer", ["create"]);
  await writeErrors(ours, 1, 150, 40);
  await writeErrors(theirs, 2, 3, 40);
  [reader, writer, stranger] = [await clientOf("reader"), await clientOf("writer"), await clientOf("stranger")];
}, 600_000);
afterAll(() => cleanup.run());

describe("a question", () => {
  it("is answered to who may get the record, of its own namespace where it names none", async () => {
    const { columns, rows, summary } = await askOver(reader as GrpcClient, { query: "errors", limit: 1000 });
    expect(columns).toEqual(["at", "mission", "agent", "epoch", "seq", "type", "what", "message", "fatal", "event_id"]);
    expect(rows.length).toBe(150);
    expect(rows.every(({ message }) => String(message).startsWith(`${ours} `))).toBe(true);
    expect(summary).toMatchObject({ rows: 150n, cutBy: "", store: "ledger", statement: "", boundJson: "" });
    expect(Number(summary.rowsRead)).toBeGreaterThanOrEqual(150);
    expect(Number(summary.bytesRead)).toBeGreaterThan(1000);
  });

  it("says that there is more than was asked for, and how it was asked where that is wanted", async () => {
    const { rows, summary } = await askOver(reader as GrpcClient, {
      query: "errors",
      explain: true,
      parameters: { from: "2025-01-01" },
    });
    expect(rows.length).toBe(100);
    expect(summary.cutBy).toBe("limit");
    expect(summary.statement).toContain("FROM enchanted.context_frames WHERE namespace = {namespace:String}");
    expect(JSON.parse(summary.boundJson)).toMatchObject({
      namespace: ours,
      from: "2025-01-01 00:00:00.000000000",
      limit: 101,
    });
  });

  it("is cut where its answer is too large", async () => {
    const namespace = await freshNamespace(plane.admin);
    await createAccount(plane.admin, namespace, "reader");
    await allowRecording(plane, namespace, "reader", ["get"]);
    await writeErrors(namespace, 3, 180, 200_000);
    const token = await tokenFor(plane.admin, { namespace, name: "reader" }, "enchanted-collector");
    const { rows, summary } = await askOver(server.clientOf(token), { query: "errors", limit: 1000 });
    expect(summary.cutBy).toBe("size");
    expect(rows.length).toBe(Math.floor((32 * 1024 * 1024) / JSON.stringify(rows[0]).length));
  }, 120_000);

  it.each([
    [
      "without a token",
      () => askOver(server.clientOf(undefined), { query: "errors" }),
      grpcStatus.unauthenticated,
      "authorization: Bearer",
    ],
    [
      "with a made-up token",
      () => askOver(server.clientOf("x.y.z"), { query: "errors" }),
      grpcStatus.unauthenticated,
      "no valid one",
    ],
    [
      "with a token for the API server",
      async () => askOver(await clientOf("reader", "enchanted-gateway"), { query: "errors" }),
      grpcStatus.unauthenticated,
      "no valid one",
    ],
    [
      "by who may only record",
      () => askOver(writer as GrpcClient, { query: "errors" }),
      grpcStatus.permissionDenied,
      '"get" on "missions/record"',
    ],
    [
      "by who has no right",
      () => askOver(stranger as GrpcClient, { query: "errors" }),
      grpcStatus.permissionDenied,
      '"get" on "missions/record"',
    ],
    [
      "about another namespace",
      () => askOver(reader as GrpcClient, { query: "errors", namespace: theirs }),
      grpcStatus.permissionDenied,
      '"get" on "missions/record"',
    ],
    [
      "about what is no namespace",
      () => askOver(reader as GrpcClient, { query: "errors", namespace: "a' OR 'b" }),
      grpcStatus.invalidArgument,
      "name the namespace",
    ],
    [
      "that does not exist",
      () => askOver(reader as GrpcClient, { query: "constructor" }),
      grpcStatus.invalidArgument,
      `there are ${ledgerQueries.map(({ question }) => question.name).join(", ")}`,
    ],
    [
      "of a store that is not there",
      () => askOver(reader as GrpcClient, { query: "recall", parameters: { what: "a bug" } }),
      grpcStatus.failedPrecondition,
      "a store that this installation does not have",
    ],
    [
      "with a bad parameter",
      () => askOver(reader as GrpcClient, { query: "decisions", parameters: { agent: "a", from: "soon" } }),
      grpcStatus.invalidArgument,
      'parameter "from": give a time in UTC such as',
    ],
    [
      "with the namespace as a parameter",
      () => askOver(reader as GrpcClient, { query: "errors", parameters: { namespace: theirs } }),
      grpcStatus.invalidArgument,
      "has no parameter",
    ],
    [
      "for too many rows",
      () => askOver(reader as GrpcClient, { query: "errors", limit: 10_001 }),
      grpcStatus.invalidArgument,
      "at most 10000 rows",
    ],
  ] as const)("is refused %s", async (_, ask, code, words) => {
    const failure = await failureOf(ask());
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words) });
  });

  it("is answered again when ClickHouse was away meanwhile", async () => {
    const readiness = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${server.reader.healthPort}/readyz`)).status;
    const answers = () =>
      askOver(reader as GrpcClient, { query: "errors" }).then(
        ({ rows }) => rows.length,
        (error: GrpcFailure) => error,
      );
    await eventually("it is ready", async () => (await readiness()) === 200);
    await ledger.server.stop();
    expect(await answers()).toMatchObject({
      code: grpcStatus.unavailable,
      message: expect.stringContaining("the ledger does not answer"),
    });
    await eventually("it is not", async () => (await readiness()) === 503, 30_000);
    await ledger.server.restart();
    await eventually("it answers again", async () => (await answers()) === 100, 30_000);
  }, 120_000);
});

describe("the client that reads", () => {
  const open = (limits: { timeMs: number; memoryBytes: number }) => {
    const { url, username, password } = ledger.server;
    const client = createReadClient({ url, username, password, limits });
    cleanup.add(() => client.close());
    return client;
  };
  const read = async (client: ReturnType<typeof open>, query: string): Promise<unknown> => {
    for await (const batch of client.read(query, {}, new AbortController().signal))
      if (batch.rows.length > 1e9) return batch;
    return undefined;
  };

  it("can neither write nor lift its own limits", async () => {
    const client = open({ timeMs: 10_000, memoryBytes: 2 ** 28 });
    await expect(read(client, "INSERT INTO enchanted.cuts SELECT * FROM enchanted.cuts")).rejects.toThrow(/readonly/i);
    await expect(read(client, "DROP TABLE enchanted.cuts")).rejects.toThrow(/readonly/i);
    await expect(read(client, "SELECT 1 SETTINGS readonly = 0")).rejects.toThrow(/readonly/i);
  });

  it("ends what takes too long or too much", async () => {
    const clock = systemClock();
    const begun = clock.monotonicMs();
    const slow = read(
      open({ timeMs: 500, memoryBytes: 2 ** 28 }),
      "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)",
    );
    await expect(slow).rejects.toMatchObject({ kind: "limit" });
    expect(clock.monotonicMs() - begun).toBeLessThan(20_000);
    const wide = read(
      open({ timeMs: 30_000, memoryBytes: 2 ** 25 }),
      "SELECT groupArray(toString(number)) FROM numbers(10000000)",
    );
    await expect(wide).rejects.toMatchObject({ kind: "limit" });
  });
});
