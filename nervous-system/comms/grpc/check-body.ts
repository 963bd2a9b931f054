import { checkKind, type BodyKind } from "#nervous-system/codecs/otlp/body-kind.ts";
import { checkMetricsJson } from "#nervous-system/codecs/otlp/json.ts";
import type { OtlpEncoding, OtlpReceiver, TakeExport } from "./otlp-service.ts";

/** Throws `WireError` for a request that was sent to the path of another kind, where it would be read as what it is not. */
export const checkBody = (kind: BodyKind, request: Buffer, encoding: OtlpEncoding): void => {
  if (encoding === "protobuf") checkKind(request, kind);
  else if (kind === "metrics") checkMetricsJson(request); // of the others JSON is read member by member
};

/** The receiver behind `checkBody`. */
export const checkingBodies = (receiver: OtlpReceiver): OtlpReceiver => {
  const checked =
    (kind: BodyKind): TakeExport =>
    async (request, call) => {
      checkBody(kind, request, call.encoding);
      return receiver[kind](request, call);
    };
  return { logs: checked("logs"), traces: checked("traces"), metrics: checked("metrics") };
};
