import type { Writable } from "node:stream";
import { textOption, type CommandRun, type OptionValues } from "./arguments.ts";
import { CliError, exitCode, exited, type Host } from "./host.ts";
import { listed } from "./printable.ts";
import { framesOf } from "./record/describe-frame.ts";
import { TelemetryFold, type TelemetryChoice } from "./record/fold-telemetry.ts";
import { Printer, styleFor } from "./record/printer.ts";
import { once, readItems, type ReadOptions } from "./record/read-file.ts";

const POLL_MS = 200;
const MOST_NAMES = 20;

const typesOf = (options: OptionValues): ReadonlySet<string> =>
  new Set(
    textOption(options, "type")
      .split(",")
      .filter((type) => type !== ""),
  );

/** Programs get every frame, and who names a type wants to see it. */
const choiceOf = (options: OptionValues, types: ReadonlySet<string>): TelemetryChoice => {
  const isJson = options["output"] === "json";
  const chosen = textOption(options, "otlp") as TelemetryChoice | "";
  if (chosen === "fold" && isJson) throw new CliError("enchanted tail: --otlp fold prints text; give all or none");
  return chosen === "" ? (isJson || types.size > 0 ? "all" : "fold") : chosen;
};

const following = (host: Host, out: Writable): ReadOptions => {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) host.onSignal(signal, () => stop.abort());
  out.once("error", () => stop.abort());
  return {
    more: () =>
      host.clock.sleep(POLL_MS, stop.signal).then(
        () => true,
        () => false,
      ),
  };
};

/** Why nothing was printed. */
const nothingShown = (
  file: string,
  types: ReadonlySet<string>,
  others: ReadonlySet<string>,
  leftOut: number,
): string => {
  if (leftOut > 0) return `enchanted: ${file} holds only telemetry, ${leftOut} frames, which --otlp none leaves out`;
  if (others.size === 0) return `enchanted: ${file} holds no frame`;
  return `enchanted: ${file} has no frame of type ${[...types].join(", ")}; it has ${listed([...others].toSorted(), MOST_NAMES)}`;
};

/** `enchanted tail`. */
export const tail: CommandRun = async (host, { options }) => {
  const out = host.stdout();
  const types = typesOf(options);
  const fold = new TelemetryFold(choiceOf(options, types));
  const printer = new Printer(out, styleFor(host, options));
  const file = textOption(options, "file");
  const others = new Set<string>();
  const { more } = options["follow"] === true ? following(host, out) : once;
  // What is folded is shown when nothing follows for now.
  const readOptions = { more: () => printer.print(fold.end()).then(more) };
  for await (const item of readItems(host, file, readOptions)) {
    for (const told of framesOf(item)) {
      const type = told.frame.event_type;
      if (types.size > 0 && !types.has(type)) others.add(type);
      else await printer.print(fold.take(told));
      if (!printer.isRead) return exited(exitCode.ok); // `enchanted tail | head` ends us, and is no failure
    }
  }
  await printer.print(fold.end());
  if (printer.shown === 0 && printer.isRead) host.warn(nothingShown(file, types, others, fold.leftOut));
  return exited(exitCode.ok);
};
