import { once as nextEvent } from "node:events";
import type { Writable } from "node:stream";
import type { OptionValues } from "../arguments.ts";
import type { Host } from "../host.ts";
import { printableJson } from "../printable.ts";
import type { Told } from "./fold-telemetry.ts";
import { renderTailLine, type LineStyle } from "./tail-line.ts";

/** As text for people; undefined as JSON for programs. */
export const styleFor = (host: Host, options: OptionValues): LineStyle | undefined => {
  if (options["output"] === "json") return undefined;
  const out = host.stdout();
  const isTerminal = out.isTTY === true;
  const colour = isTerminal && (host.env["NO_COLOR"] ?? "") === "" && host.env["TERM"] !== "dumb";
  return { colour, width: isTerminal ? out.columns : undefined };
};

/** Prints what is told until the reader of our output has gone. */
export class Printer {
  shown = 0;
  isRead = true;
  private readonly out: Writable;
  private readonly style: LineStyle | undefined;

  constructor(out: Writable, style: LineStyle | undefined) {
    this.out = out;
    this.style = style;
  }

  /** Prints each on a line of its own; resolves when more may come. */
  async print(all: readonly Told[]): Promise<void> {
    for (const told of all) if (this.isRead) await this.printOne(told);
  }

  private async printOne(told: Told): Promise<void> {
    const { out, style } = this;
    this.isRead = !out.destroyed && out.errored === null;
    if (!this.isRead) return;
    const line =
      style !== undefined ? renderTailLine(told, style) : printableJson(told.kind === "frame" && told.item.frame);
    if (!out.write(`${line}\n`))
      await Promise.race([nextEvent(out, "drain"), nextEvent(out, "close")]).catch(() => undefined);
    this.isRead = !out.destroyed;
    if (this.isRead) this.shown += 1;
  }
}
