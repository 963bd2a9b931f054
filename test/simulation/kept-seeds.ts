/** A seed that found a mistake, with what it was. */
export type KeptSeed = {
  readonly seed: number;
  readonly was: string;
  /** Whether its stream is trimmed; those kept before there was a trimmer are played as they were. */
  readonly trims?: true;
};

/** Every seed that broke a rule once and was mended in the product; each is run again with every change. */
export const keptSeeds: readonly KeptSeed[] = [
  { seed: 141, was: "a recorder that had nothing more to send never heard that the stream had lost its tail" },
  { seed: 402, was: "what a stream lost of an earlier epoch was not sent again once a later one had begun" },
  { seed: 227, was: "GAPs in lost frames' places were observed later than the frame behind them" },
  { seed: 1532, was: "the last frames of an epoch were lost without a name when the next epoch followed" },
  { seed: 5595, was: "frames lost at the end of the log, by log and stream, were never named" },
  { seed: 3787, was: "a write that a crash had torn was taken for a lost frame: its payload ended in zeros" },
  { seed: 401, was: "the same where the zeros began in the record's header" },
  {
    seed: 11876,
    was: "a record that a killed process had not synced was acknowledged after its restart, and lost with the machine",
  },
  {
    seed: 10614,
    was: "one flipped bit in a frame that the stream held already ended the recording: the log's GAP contradicted it",
  },
  { seed: 20516, was: "a dead letter that NATS did not take failed the export as INTERNAL instead of UNAVAILABLE" },
  {
    seed: 9856,
    was: "a frame said again after a lost answer was stored twice: the log had let go of the record that knew it",
  },
  { seed: 69128, was: "a record that only the stream could still read was waited for at the end of the log for ever" },
  {
    seed: 209062,
    was: "an epoch of which nothing could be read was forgotten, although the cursor knew how far it had come",
  },
  {
    seed: 41178,
    was: "a disk that lied lost more than the log could know: the next epoch followed a GAP that the stream had no place for",
  },
  {
    seed: 93232,
    was: "the only frame of an epoch was flipped before the stream had it, and nothing named the loss",
  },
  {
    seed: 184,
    was: "with two exports under way the first frame of an epoch was stored, the export before it failed: its epoch came behind",
  },
  { seed: 112, was: "an insert token without the hash took the frames of a stream that had lost its tail for written" },
  {
    seed: 938,
    was: "a frame that came to the same sequence of the stream again, behind others than before, passed for the stream's old end",
  },
  {
    seed: 3475,
    was: "a stream that lost its tail between a sink's look at it and its first message was read on in the middle",
  },
  {
    seed: 44125,
    was: "an insert that a killed sink had sent arrived behind those of the next one, and an old place with it",
  },
  { seed: 8, was: "a sink went on behind a cut that the stream had lost: what stood in its places then was skipped" },
  {
    seed: 142,
    trims: true,
    was: "the end of a chain went with its last frame out of the stream: its recorder put GAPs in the places of what every store held",
  },
  {
    seed: 93_223,
    was: "a recorder never started: its full log had no room for the GAPs of lost frames, and only a started one makes room",
    trims: true,
  },
];
