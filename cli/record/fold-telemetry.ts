import { isFrameType } from "#nervous-system/schemas/frames/catalog.ts";
import type { PrintableItem } from "./describe-frame.ts";

/** One thing to print: a frame, or how many of each type stood in a row. */
export type Told =
  | { readonly kind: "frame"; readonly item: PrintableItem }
  | { readonly kind: "folded"; readonly first: PrintableItem; readonly counts: ReadonlyMap<string, number> };

/** What is done with the program's own telemetry that tells nothing of an agent. */
export type TelemetryChoice = "fold" | "all" | "none";

// What spans become that tell of an agent, and is no type of the catalog.
const tellingTypes: ReadonlySet<string> = new Set(["CHAT", "INVOKE_AGENT"]);

/**
 * Whether a frame is a plain span, span event or log line: its id is the digest that these have. Calls of models, tools,
 * decisions and errors are none, whoever told them.
 */
const isPlainTelemetry = ({ frame, producer }: PrintableItem): boolean =>
  producer !== undefined &&
  /^[0-9a-f]{64}$/.test(frame.event_id ?? "") &&
  !isFrameType(frame.event_type) &&
  !tellingTypes.has(frame.event_type);

/** So many in a row are shown one by one. */
const SHOWN = 3;

/** Makes one line of many spans in a row, so that a program that pours out thousands hides nothing else. */
export class TelemetryFold {
  private readonly choice: TelemetryChoice;
  private first: PrintableItem[] = [];
  private counts = new Map<string, number>();
  private held = 0;
  /** Frames that were left out. */
  leftOut = 0;

  constructor(choice: TelemetryChoice) {
    this.choice = choice;
  }

  /** What is to be printed now that `item` is there. */
  take(item: PrintableItem): Told[] {
    if (this.choice === "all" || !isPlainTelemetry(item)) return [...this.end(), { kind: "frame", item }];
    if (this.choice === "none") this.leftOut += 1;
    else this.hold(item);
    return [];
  }

  /** What is held back yet; for when nothing comes for a while, too. */
  end(): Told[] {
    const { first, counts, held } = this;
    [this.first, this.counts, this.held] = [[], new Map(), 0];
    const [begin] = first;
    if (begin === undefined || held <= SHOWN) return first.map((item) => ({ kind: "frame", item }));
    return [{ kind: "folded", first: begin, counts }];
  }

  private hold(item: PrintableItem): void {
    const { event_type: type } = item.frame;
    this.held += 1;
    if (this.held <= SHOWN) this.first.push(item);
    this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
  }
}

const MOST_TYPES = 5;

/** How many of which types, the most frequent first. */
export const foldedSummary = (counts: ReadonlyMap<string, number>): string => {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  const named = sorted.slice(0, MOST_TYPES).map(([type, count]) => `${count} ${type}`);
  const others = sorted.length - named.length;
  return `${total} spans and logs: ${named.join(", ")}${others > 0 ? `, of ${others} other types` : ""}`;
};
