import type { Recorder, RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { Redactor } from "#nervous-system/recorder/redact.ts";

type FrameRecorder = Pick<Recorder, "record" | "recordLine">;

/** Counts what passes, for whoever asks. */
export type Tally = {
  /** The same recorder, counting what is written through it as of `mouth`. */
  through(mouth: string, recorder: FrameRecorder): FrameRecorder;
  /** The same redactor, counting the frames that something is withheld of. */
  withholding(redactor: Redactor): Redactor;
  frames(): ReadonlyMap<string, number>;
  withheld(): number;
};

/** Creates a tally of nothing. */
export const createTally = (): Tally => {
  const frames = new Map<string, number>();
  let withheld = 0;
  return {
    through: (mouth, recorder) => {
      frames.set(mouth, 0);
      const count = async (written: Promise<RecordResult>): Promise<RecordResult> => {
        const result = await written;
        if (result.ok) frames.set(mouth, (frames.get(mouth) ?? 0) + 1);
        return result;
      };
      return {
        record: (frame, how) => count(recorder.record(frame, how)),
        recordLine: (line, how) => count(recorder.recordLine(line, how)),
      };
    },
    withholding: (redactor) => ({
      redact: (frame) => {
        const result = redactor.redact(frame);
        if (result.withheld) withheld += 1;
        return result;
      },
    }),
    frames: () => frames,
    withheld: () => withheld,
  };
};
