import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ChainPosition } from "./compose.ts";
import type { Recorder } from "./recorder.ts";
import type { StreamTail, Uplink } from "./uplink.ts";
import type { WalCut } from "./wal-cut.ts";
import type { Wal } from "./wal/wal.ts";

/** What settling needs. */
export type SettlingOptions = {
  recorder: Pick<Recorder, "identity" | "epoch">;
  wal: Pick<Wal, "hold">;
  uplink: Pick<Uplink, "tail">;
  clock: Pick<Clock, "sleep">;
  cut: WalCut;
  /** Called when the stream no longer holds what it had stored. */
  onLost: () => void;
};

/** Follows how far the stores are, and lets the log go no further where it must not. */
export type Settling = {
  /** The frame at `position` is record `index` of the log, and stored; told at least of the last one of each epoch. */
  stored(index: number, position: Pick<ChainPosition, "epoch" | "seq">): void;
  /** The highest seq of the current epoch that every store holds, as far as is known. */
  settled(): number;
  /** Resolves true when every store holds the current epoch up to `seq`, false when the signal aborts first. */
  reached(seq: number, signal: AbortSignal): Promise<boolean>;
  /** Asks again and again until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
};

type Mark = { epoch: number; seq: number; index: number };

// Where the log waits for it, it is asked for often; else it is only shown.
const POLL_MS: Readonly<Record<WalCut, number>> = { settled: 5_000, stored: 60_000 };
const REACH_MS = 500;
const MAX_MARKS = 1_024;
const MAX_EPOCHS = 16;

/** What is known of the chains in the log. */
class Marks {
  /** In the order of the log: each frame while they are few, evenly fewer when they are many, the last of each epoch always. */
  private marks: Mark[] = [];
  private step = 1;
  private readonly settledOf = new Map<number, number>();
  private readonly storedOf = new Map<number, number>();

  add(mark: Mark): void {
    this.storedOf.set(mark.epoch, Math.max(mark.seq, this.stored(mark.epoch)));
    const last = this.marks.at(-1);
    if (mark.index <= (last?.index ?? 0)) return; // sent again: its mark stands
    if (last !== undefined && !this.stays(last, mark)) this.marks.pop();
    this.marks.push(mark);
    if (this.marks.length < MAX_MARKS) return;
    this.step *= 2;
    this.marks = this.marks.filter((one, at) => this.stays(one, this.marks[at + 1]));
  }

  private stays({ epoch, index }: Mark, next: Mark | undefined): boolean {
    return index % this.step === 0 || next?.epoch !== epoch;
  }

  /** Those that are asked about: all that wait, and the latest, whose end the stream may yet lose. */
  epochs(current: number): number[] {
    const latest = [...this.storedOf.keys()].slice(-MAX_EPOCHS);
    return [...new Set([...this.marks.map(({ epoch }) => epoch), ...latest, current])];
  }

  stored(epoch: number): number {
    return this.storedOf.get(epoch) ?? 0;
  }

  /** The stream lost what it had stored beyond `seq`: what it has lost already is no further loss. */
  lose(epoch: number, seq: number): void {
    this.storedOf.set(epoch, seq);
  }

  settled(epoch: number): number {
    return this.settledOf.get(epoch) ?? 0;
  }

  settle(epoch: number, { settled = 0 }: StreamTail): void {
    this.settledOf.set(epoch, Math.max(settled, this.settled(epoch)));
  }

  /**
   * Index up to which every record is settled, `undefined` where that is no news. Each epoch counts for itself: what a
   * stream lost of an earlier one is sent again behind what it has of a later one.
   */
  takeSettled(): number | undefined {
    const open = this.marks.findIndex(({ epoch, seq }) => seq > this.settled(epoch));
    const covered = this.marks.splice(0, open < 0 ? this.marks.length : open);
    if (this.marks.length === 0) this.step = 1;
    return covered.at(-1)?.index;
  }
}

/** Creates the settled mark of a recorder that has just started: until the stores have answered it holds everything. */
export const createSettling = (options: SettlingOptions): Settling => {
  const { recorder, wal, uplink, clock, cut } = options;
  const marks = new Marks();

  const ask = async (epoch: number, signal: AbortSignal): Promise<void> => {
    const before = marks.stored(epoch);
    const chain = { agentUid: recorder.identity.agent_uid, epoch };
    const tail = await uplink.tail(chain, signal).catch(() => undefined); // the exporter tells of what is away
    if (tail === undefined) return;
    marks.settle(epoch, tail);
    if (tail.seq >= before) return;
    marks.lose(epoch, tail.seq);
    options.onLost();
  };
  const letGo = async (): Promise<void> => {
    const index = marks.takeSettled();
    if (index !== undefined && cut === "settled") await wal.hold(index);
  };
  return {
    stored: (index, { epoch, seq }) => marks.add({ epoch, seq, index }),
    settled: () => marks.settled(recorder.epoch),
    reached: async (seq, signal) => {
      while (marks.settled(recorder.epoch) < seq && !signal.aborted) {
        await ask(recorder.epoch, signal);
        if (marks.settled(recorder.epoch) < seq) await clock.sleep(REACH_MS, signal).catch(() => undefined);
      }
      return marks.settled(recorder.epoch) >= seq;
    },
    run: async (signal) => {
      if (cut === "settled") await wal.hold(0);
      while (!signal.aborted) {
        await clock.sleep(POLL_MS[cut], signal).catch(() => undefined);
        for (const epoch of signal.aborted ? [] : marks.epochs(recorder.epoch)) await ask(epoch, signal);
        await letGo();
      }
    },
  };
};
