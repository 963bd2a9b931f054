import { createHash } from "node:crypto";

/** What a process tried: a producer to `record` a frame, a recorder to have frames `store`d, a reader to `read` the stream. */
type Deed =
  | { readonly f: "record"; readonly value: RecordedDeed }
  | { readonly f: "store"; readonly value: StoredDeed }
  | { readonly f: "read"; readonly value: ReadDeed }
  /** What was done to the system, and what its parts said; the checker does not look at it. */
  | { readonly f: "fault" | "note"; readonly value: string };

/** A frame by its producer: number and id in that producer's order; its place once it is acknowledged. */
export type RecordedDeed = {
  readonly agent: string;
  readonly n: number;
  readonly id: string;
  /** Digest of what the producer said. */
  readonly digest: string;
  readonly epoch?: number;
  readonly seq?: number;
};

/** The recorder says that its chain is in the stream up to here. */
type StoredDeed = {
  readonly agent: string;
  readonly epoch: number;
  readonly seq: number;
  readonly hash: string;
};

/** A reader saw the whole stream: its length and a digest over the hashes in their order. */
type ReadDeed = { readonly length: number; readonly digest: string };

/** One line of a history, in Jepsen's terms; `info` means that nobody knows whether it happened. */
export type Operation = Deed & {
  readonly atMs: number;
  readonly process: string;
  readonly type: "invoke" | "ok" | "fail" | "info";
};

/** Writes a history down. */
export type History = {
  readonly operations: readonly Operation[];
  add(process: string, type: Operation["type"], deed: Deed): void;
};

/** Creates an empty history on a clock; `onAdd` sees every line as it comes. */
export const createHistory = (nowMs: () => number, onAdd?: (operation: Operation) => void): History => {
  const operations: Operation[] = [];
  return {
    operations,
    add: (process, type, deed) => {
      const operation = { atMs: nowMs(), process, type, ...deed } as Operation;
      operations.push(operation);
      onAdd?.(operation);
    },
  };
};

/** The same for the same history only. */
export const historyHash = (operations: readonly Operation[]): string => {
  const hash = createHash("sha256");
  for (const operation of operations) hash.update(JSON.stringify(operation)).update("\n");
  return hash.digest("hex");
};

/** A line for people. */
export const renderOperation = ({ atMs, process, type, f, value }: Operation): string =>
  `${atMs.toFixed(2).padStart(12)} ${process.padEnd(14)} ${type.padEnd(6)} ${f.padEnd(6)} ${typeof value === "string" ? value : JSON.stringify(value)}`;
