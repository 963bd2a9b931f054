import type { OtlpCall, OtlpReceiver } from "#nervous-system/comms/grpc/otlp-service.ts";
import { decodeLogsRequest } from "#nervous-system/codecs/otlp/decode-logs.ts";
import { decodeLogs } from "#nervous-system/codecs/otlp/decode-records.ts";
import { parseLogRecordsJson, parseLogsJson } from "#nervous-system/codecs/otlp/json.ts";
import { tellLogs } from "#nervous-system/codecs/otlp/logs-to-frames.ts";
import type { LogRecord } from "#nervous-system/codecs/otlp/model.ts";
import type { TelemetryEvent } from "#nervous-system/codecs/otlp/spans-to-frames.ts";
import type { PartialSuccess } from "#nervous-system/codecs/otlp/status.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { ChainOwners } from "#pipeline/collector/chain-owners.ts";
import type { StreamQuota } from "#pipeline/collector/stream-quota.ts";
import { takingExports, type ExportsOptions } from "#pipeline/collector/take-exports.ts";
import { takeFrames, type FrameSinks } from "#pipeline/collector/take-frames.ts";
import { takeExternalFrames, type ExternalTaken, type ExternalSinks } from "./take-external-frames.ts";
import { verifyFrames, type Verified } from "#pipeline/collector/verify-frame.ts";

/** What taking logs needs. */
export type ExportLogsOptions = ExportsOptions & {
  readonly owners: ChainOwners;
  readonly quota: StreamQuota;
  readonly sinks: FrameSinks & ExternalSinks;
};

const isChained = (record: LogRecord): boolean => record.envelope.length > 0;

/** Logs of an external client that carry no envelope, as frames. */
const toldBy = (request: Buffer, { encoding }: OtlpCall): Iterable<TelemetryEvent> =>
  tellLogs(encoding === "json" ? parseLogsJson(request) : decodeLogs(request));

const checkOwners = async (owners: ChainOwners, caller: Caller, verified: readonly Verified[]): Promise<void> => {
  const uids = verified.flatMap((item) => ("frame" in item ? [item.frame.envelope.agent_uid] : []));
  for (const uid of new Set(uids)) await owners.check(caller, uid);
};

const mergePartial = (chained: PartialSuccess | undefined, { refused }: ExternalTaken): PartialSuccess | undefined => {
  if (refused.length === 0) return chained;
  const message = `kept as dead letters only: ${[...new Set(refused)].join("; ")}`;
  return chained === undefined
    ? { rejected: refused.length, message }
    : { rejected: chained.rejected + refused.length, message: `${chained.message}; ${message}` };
};

/** `LogsService/Export`: success only once every frame is in JetStream, on disk. */
export const createExportLogs = (options: ExportLogsOptions): OtlpReceiver["logs"] => {
  const { owners, admission, quota, sinks, metrics } = options;
  return takingExports(options, "logs", async (request, call, caller) => {
    const records = call.encoding === "json" ? parseLogRecordsJson(request) : decodeLogsRequest(request);
    admission.admit(caller, records.length);
    const chained = caller.principal === undefined ? records : records.filter(isChained);
    const told = chained.length === records.length ? [] : toldBy(request, call);
    const verified = verifyFrames(chained, caller);
    quota.admit(caller, request.length, verified);
    if (caller.principal !== undefined) await checkOwners(owners, caller, verified);
    const inPlace = await takeFrames(sinks, caller, verified);
    const unchained = await takeExternalFrames(sinks, caller, told);
    const partial = mergePartial(inPlace, unchained);
    metrics.framesStored.inc(chained.length - (inPlace?.rejected ?? 0) + unchained.stored);
    metrics.framesRefused.inc(partial?.rejected ?? 0);
    return partial;
  });
};
