import { once as nextEvent } from "node:events";
import type { Writable } from "node:stream";
import { textOption, type CommandRun } from "./arguments.ts";
import { exitCode, exited, type Host } from "./host.ts";
import { listed, printable } from "./printable.ts";
import { framesOf, summaryOf, type PrintableItem } from "./record/describe-frame.ts";
import { once, readItems, type ReadOptions } from "./record/read-file.ts";

const POLL_MS = 200;

const colours: Readonly<Record<string, string>> = {
  DECISION_RATIONALE: "35",
  STATE_CHANGE: "32",
  MODEL_CALL: "36",
  ERROR: "31",
  GAP: "31",
  LIFECYCLE: "2",
  HEARTBEAT: "2",
};

/** How lines are laid out: colours, and the width they are cut at. */
type LineStyle = { colour: boolean; width: number | undefined };

/** One frame as one line for people. */
const renderTailLine = ({ frame }: PrintableItem, { colour, width }: LineStyle): string => {
  const time = (frame.timestamp ?? "").slice(11, 23).padEnd(12);
  const head = `${time} ${printable(frame.agent_id ?? "-")
    .slice(0, 20)
    .padEnd(12)}`;
  const type = printable(frame.event_type).padEnd(18);
  const room = width === undefined ? undefined : Math.max(20, width - head.length - type.length - 3);
  const summary = printable(summaryOf(frame)).slice(0, room);
  const code = colour ? colours[frame.event_type] : undefined;
  return `${head} ${code === undefined ? type : `\u001B[${code}m${type}\u001B[0m`} ${summary}`;
};

const renderLine = (told: PrintableItem, style: LineStyle | undefined): string =>
  style === undefined ? JSON.stringify(told.frame) : renderTailLine(told, style);

const MOST_NAMES = 20;

const styleFor = (host: Host): LineStyle => {
  const out = host.stdout();
  const isTerminal = out.isTTY === true;
  const colour = isTerminal && (host.env["NO_COLOR"] ?? "") === "" && host.env["TERM"] !== "dumb";
  return { colour, width: isTerminal ? out.columns : undefined };
};

/** Whether the line went out; false once the reader of our output has gone. */
const print = async (out: Writable, line: string): Promise<boolean> => {
  if (out.destroyed || out.errored !== null) return false;
  if (!out.write(`${line}\n`))
    await Promise.race([nextEvent(out, "drain"), nextEvent(out, "close")]).catch(() => undefined);
  return !out.destroyed;
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

/** `enchanted tail`. */
export const tail: CommandRun = async (host, { options }) => {
  const out = host.stdout();
  const types = new Set(
    textOption(options, "type")
      .split(",")
      .filter((type) => type !== ""),
  );
  const style = options["output"] === "json" ? undefined : styleFor(host);
  const file = textOption(options, "file");
  const others = new Set<string>();
  let shown = 0;
  for await (const item of readItems(host, file, options["follow"] === true ? following(host, out) : once)) {
    for (const told of framesOf(item)) {
      const type = told.frame.event_type;
      if (types.size > 0 && !types.has(type)) others.add(type);
      else if (await print(out, renderLine(told, style))) shown += 1;
      else return exited(exitCode.ok); // `enchanted tail | head` ends us, and is no failure
    }
  }
  if (shown === 0)
    host.warn(
      others.size === 0
        ? `enchanted: ${file} holds no frame`
        : `enchanted: ${file} has no frame of type ${[...types].join(", ")}; it has ${listed([...others].toSorted(), MOST_NAMES)}`,
    );
  return exited(exitCode.ok);
};
