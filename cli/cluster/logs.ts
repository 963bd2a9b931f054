import { textOption, type CommandRun } from "../arguments.ts";
import { refuseUnknownTypes, warnOfAbsent } from "../ask/what-is-there.ts";
import { readFrames, type FrameFilter } from "../export/read-frames.ts";
import { exitCode, exited, type Host } from "../host.ts";
import { framesOf } from "../record/describe-frame.ts";
import { TelemetryFold } from "../record/fold-telemetry.ts";
import { Printer, styleFor } from "../record/printer.ts";
import type { ServerSettings } from "../server/settings.ts";
import { filterOf, withReader } from "./reading.ts";

/** How often the reader is asked for what came since, milliseconds. */
const POLL_MS = 1_000;

type Log = {
  readonly server: ServerSettings;
  readonly filter: FrameFilter;
  readonly printer: Printer;
  readonly fold: TelemetryFold;
  readonly signal: AbortSignal;
};

/** Prints the frames behind a place; answers the last one's. */
const printSince = async (
  host: Host,
  { server, filter, printer, fold, signal }: Log,
  after: number,
): Promise<number> => {
  let place = after;
  const rest = after === 0 ? filter : { ...filter, after: String(after) };
  for await (const frame of readFrames(host, server, rest, signal)) {
    place = frame.place;
    for (const item of framesOf({ kind: "frame", line: 0, frame })) await printer.print(fold.take(item));
    if (!printer.isRead) return place;
  }
  await printer.print(fold.end());
  return place;
};

/** `enchanted logs`. */
export const logs: CommandRun = (host, { options, operands }) =>
  withReader(host, { name: "logs", options }, async (server, signal) => {
    const filter = filterOf(operands[0] ?? "", options);
    await refuseUnknownTypes(host, server, filter, "logs");
    const isText = options["output"] !== "json" && textOption(options, "types") === "";
    const printer = new Printer(host.stdout(), styleFor(host, options));
    const log = { server, filter, printer, fold: new TelemetryFold(isText ? "fold" : "all"), signal };
    let place = await printSince(host, log, 0);
    if (printer.shown === 0 && printer.isRead) await warnOfAbsent(host, server, filter);
    while (options["follow"] === true && printer.isRead) {
      await host.clock.sleep(POLL_MS, signal);
      place = await printSince(host, log, place);
    }
    return exited(exitCode.ok);
  });
