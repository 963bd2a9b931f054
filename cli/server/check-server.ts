import { fromBinary } from "@bufbuild/protobuf";
import { lookup } from "node:dns/promises";
import { connect, type ClientHttp2Session } from "node:http2";
import { isIP } from "node:net";
import { grpcStatus, toGrpcFailure, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { recordStateMethod, streamStateMethod, type GrpcMethod } from "#nervous-system/comms/grpc/methods.ts";
import { RecordStateResponseSchema, StreamStateResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import type { Finding } from "../doctor.ts";
import type { Host } from "../host.ts";
import { listLeftovers, outboxOf } from "../outbox/outbox.ts";
import { certificateTrouble, connectCollector, explainFailure } from "./connect.ts";
import { judgeRecord } from "./record-findings.ts";
import type { ServerSettings } from "./settings.ts";

const LIMIT_MS = 10_000;
/** A claimed time that is further off than this is flagged by every recorder. */
const MAX_SKEW_MS = 60_000;

const resolves = async ({ host }: ServerSettings): Promise<Finding> => {
  const check = "collector";
  try {
    const { address } = await lookup(host);
    return { check, ok: true, detail: address === host ? address : `${host} is ${address}` };
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    return { check, ok: false, detail: `${host} has no address (${code})`, remedy: "mend --collector" };
  }
};

/** The date that the server's answer carries; any request gets one. */
const dateFrom = (session: ClientHttp2Session): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    session.once("error", reject);
    const request = session.request({ ":method": "POST", ":path": "/" });
    request.once("response", (headers) => resolve(headers.date));
    request.once("error", reject);
    request.end();
  });

const openSession = (server: ServerSettings): ClientHttp2Session => {
  const { host, port, caPem, serverName } = server;
  const named = serverName ?? (isIP(host) === 0 ? host : undefined);
  const authority = `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  return connect(authority, { ca: caPem, ...(named === undefined ? {} : { servername: named }) });
};

const clock = (host: Host, date: string | undefined): Finding => {
  const check = "clock";
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return { check, ok: true, detail: "the collector does not tell its time" };
  const behind = Math.round((theirs - host.clock.now()) / 1000);
  const detail =
    behind === 0
      ? "agrees with the collector's"
      : `${Math.abs(behind)} s ${behind > 0 ? "behind" : "ahead of"} the collector's`;
  if (Math.abs(behind) * 1000 <= MAX_SKEW_MS) return { check, ok: true, detail };
  return {
    check,
    ok: false,
    detail,
    remedy: "set this machine's clock: frames are ordered by the time they are recorded",
  };
};

const tlsRemedy = (message: string, server: ServerSettings): string =>
  certificateTrouble(message, server) ??
  "look whether it runs, and reach it: kubectl port-forward --namespace enchanted-system service/enchanted-collector 4317";

const tls = async (host: Host, server: ServerSettings): Promise<Finding[]> => {
  const check = "TLS";
  const session = openSession(server);
  const cancel = host.clock.after(LIMIT_MS, () => session.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)));
  try {
    const date = await dateFrom(session);
    return [{ check, ok: true, detail: `${server.address} is the collector of this CA` }, clock(host, date)];
  } catch (error) {
    const { message } = error as Error;
    return [{ check, ok: false, detail: `${server.address}: ${message}`, remedy: tlsRemedy(message, server) }];
  } finally {
    cancel();
    session.destroy();
  }
};

/** Asks for the tail of a chain that nobody has, which needs a good token and the right to record, and writes nothing. */
const right = async (host: Host, server: ServerSettings): Promise<Finding[]> => {
  const { client, uplink } = connectCollector(host, server);
  const token: Finding = { check: "token", ok: true, detail: "accepted" };
  const [check, { namespace }] = ["right", server];
  const limit = AbortSignal.timeout(LIMIT_MS);
  try {
    await uplink.tail({ agentUid: host.ids.next(), epoch: 1 }, limit);
    return [token, { check, ok: true, detail: `may record in namespace ${namespace}` }];
  } catch (error) {
    const failure = toGrpcFailure(error);
    if (limit.aborted) return [silent("answers", server)];
    const [detail = "", ...remedy] = explainFailure(failure, server).split("; ");
    const found = { ok: false, detail, ...(remedy.length === 0 ? {} : { remedy: remedy.join("; ") }) };
    if (failure.code !== grpcStatus.permissionDenied) return [{ check: "token", ...found }];
    return [token, { check, ...found, remedy: grantRemedy(namespace, failure.message) }];
  } finally {
    client.close();
  }
};

const collectorLog = "kubectl --namespace enchanted-system logs deployment/enchanted-collector";

/** That the collector took a call and does not answer it. */
const silent = (check: string, { address }: ServerSettings): Finding => ({
  check,
  ok: false,
  detail: `${address} was reached and answered nothing within ${LIMIT_MS / 1000} s`,
  remedy: `it is overloaded, or waits for NATS or the Kubernetes API; try again, then look at its log: ${collectorLog}`,
});

const wasSilent = ({ code }: GrpcFailure): boolean =>
  code === grpcStatus.deadlineExceeded || code === grpcStatus.cancelled;

/** Asks a method that takes nothing, and judges its answer; a collector of an earlier version does not know it. */
const asked = async (
  host: Host,
  server: ServerSettings,
  { check, method, judge }: { check: string; method: GrpcMethod; judge: (answer: Buffer) => Finding[] },
): Promise<Finding[]> => {
  const { client } = connectCollector(host, server);
  try {
    return judge(await client.unary(method, Buffer.of(), { deadlineMs: LIMIT_MS }));
  } catch (error) {
    const failure = toGrpcFailure(error);
    if (failure.code === grpcStatus.unimplemented)
      return [{ check, ok: true, detail: "this collector is of a version that does not tell" }];
    if (wasSilent(failure)) return [silent(check, server)];
    const remedy = `try again, then look at the collector's log: ${collectorLog}`;
    return [{ check, ok: false, detail: `the collector does not tell: ${failure.message}`, remedy }];
  } finally {
    client.close();
  }
};

const GIB = 2 ** 30;
/** As the alert EnchantedStreamFillsUp. */
const FULL_SHARE = 0.75;

const judgeStream = (answer: Buffer): Finding => {
  const check = "stream";
  const state = fromBinary(StreamStateResponseSchema, answer);
  const [bytes, limit] = [Number(state.bytes), Number(state.limitBytes)];
  const held = `holds ${(bytes / GIB).toFixed(2)} GiB`;
  if (limit === 0) return { check, ok: true, detail: `${held}; its server's storage is the bound` };
  const detail = `${held} of ${(limit / GIB).toFixed(2)} (${Math.floor((bytes / limit) * 100)} %)`;
  if (bytes < limit * FULL_SHARE) return { check, ok: true, detail };
  const remedy = "full, it takes no frame: docs/runbooks/stream-fills-up.md says who holds it and what to do";
  return { check, ok: false, detail, remedy };
};

/** How full the stream is, where a full one takes no frame, and how the stores behind it keep up. */
const record = async (host: Host, server: ServerSettings): Promise<Finding[]> => [
  ...(await asked(host, server, {
    check: "stream",
    method: streamStateMethod,
    judge: (answer) => [judgeStream(answer)],
  })),
  ...(await asked(host, server, {
    check: "stores",
    method: recordStateMethod,
    judge: (answer) => judgeRecord(fromBinary(RecordStateResponseSchema, answer)),
  })),
];

/** How the account that the collector names may be given the right. */
const grantRemedy = (namespace: string, refusal: string): string => {
  const [, owner, name] = /"system:serviceaccount:([^:"]+):([^":]+)"/.exec(refusal) ?? [];
  const [, user = "<user>"] = /"([^"]+)" may not record/.exec(refusal) ?? [];
  const whom = owner === undefined ? `--user '${user}'` : `--serviceaccount ${owner}:${name}`;
  return `let somebody with the right to grant run: kubectl create rolebinding record --namespace ${namespace} --clusterrole enchanted-record ${whom}`;
};

const outbox = async (host: Host): Promise<Finding> => {
  const place = outboxOf(host);
  const { length } = await listLeftovers(place);
  const detail =
    length === 0 ? "empty" : `${length} run(s) in ${place}, being recorded or to be sent with: enchanted push`;
  return { check: "outbox", ok: true, detail };
};

/** Everything that sending frames needs, one after the other: what a failure leaves open is not asked. */
export const checkServer = async (host: Host, server: ServerSettings): Promise<Finding[]> => {
  const name = await resolves(server);
  if (!name.ok) return [name];
  const secured = await tls(host, server);
  const rest = secured.every(({ check, ok }) => ok || check !== "TLS") ? await right(host, server) : [];
  const mayRecord = rest.some(({ check, ok }) => check === "right" && ok);
  return [name, ...secured, ...rest, ...(mayRecord ? await record(host, server) : []), await outbox(host)];
};
