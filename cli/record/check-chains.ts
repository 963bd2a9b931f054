import { saidIn } from "#nervous-system/fold/read-frame.ts";
import type { ContextItem } from "#nervous-system/recorder/context-file/read-items.ts";
import { linkFault, placeFault, zeroHash, type HashedLink } from "#nervous-system/schemas/chain.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { readConsoleSpan } from "./console-span.ts";

/** One chain of a file, as far as it was read. */
export type ChainReport = {
  agent_uid: string;
  epoch: number;
  /** Who recorded it, such as a scribe. */
  recorder: string;
  /** Frames of it that are there. */
  frames: number;
  /** Frames before its last one that are not; 0 but in an excerpt. */
  missing: number;
  /** Hash of the last frame that verified. */
  hash: string;
  /** Whether it ends with LIFECYCLE Stopped; a chain cut off at its end cannot be told from one that still runs. */
  finished: boolean;
};

/** The first fault of a file. */
type FileFault = { line: number; why: string };

/** What verifying a file came to. */
export type FileReport = {
  ok: boolean;
  fault?: FileFault;
  frames: number;
  chains: ChainReport[];
  /** Frames that stand in the places of others, which are lost or were refused: their own hash says nothing. */
  gaps: number;
  /** Frames that no chain holds, each verified by itself. */
  single: number;
  /** Frames of which what they said was erased: their hash fits the digest that is left of it. */
  erased: number;
  /** Documents that carry no hashes, so nothing can be said of them. */
  spans: number;
  unchained: number;
  /** Lines of half a frame, left by writers that were killed. */
  torn: FileFault[];
};

/** Gathers the report of a file, item by item. */
type ChainCheck = { take(item: ContextItem): void; report(): FileReport };

const isStop = ({ envelope, bytes }: RecordedFrame): boolean =>
  envelope.event_type === "LIFECYCLE" && saidIn("LIFECYCLE", bytes).phase === "Stopped";

const isGap = ({ envelope }: RecordedFrame): boolean => envelope.event_type === "GAP";

/** A frame as verifying reads it. */
export const linkOf = ({ envelope, envelopeText, bytes, prevHash, hash }: RecordedFrame): HashedLink => {
  const { agent_uid: agentUid, epoch, seq, observed } = envelope;
  const erased = erasedDigest(bytes);
  return { agentUid, epoch, seq, prevHash, observedNs: BigInt(observed), envelopeText, bytes, erased, hash };
};

type ChainEnd = { readonly seq: number; readonly hash: string };

/** What is wrong with the next frame of a chain; in an excerpt some before it may be missing, and its hash says nothing of those. */
const nextFault = (frame: RecordedFrame, before: ChainEnd | undefined, isExcerpt: boolean): string | undefined => {
  const link = linkOf(frame);
  const faultOf = isGap(frame) ? placeFault : linkFault;
  const due = (before?.seq ?? 0) + 1;
  const isBehindMissing = isExcerpt && link.seq > due;
  return isBehindMissing ? faultOf(link, link.seq, undefined) : faultOf(link, due, before?.hash);
};

/**
 * Creates a check at the beginning of a file; chains of several runs may stand between each other. In an excerpt frames may be
 * missing.
 */
export const createChainCheck = (isExcerpt = false): ChainCheck => {
  const chains = new Map<string, ChainEnd & { readonly report: ChainReport }>();
  const counts = { frames: 0, gaps: 0, single: 0, erased: 0, spans: 0, unchained: 0 };
  const torn: FileFault[] = [];
  let fault: FileFault | undefined;

  const takeChained = (frame: RecordedFrame): string | undefined => {
    const { agent_uid, epoch, recorder, seq } = frame.envelope;
    const key = `${agent_uid}/${epoch}`;
    const before = chains.get(key);
    const frames = (before?.report.frames ?? 0) + 1;
    const { hash } = frame;
    const report = {
      agent_uid,
      epoch,
      recorder,
      frames,
      missing: Math.max(0, seq - frames),
      hash,
      finished: isStop(frame),
    };
    chains.set(key, { seq, hash, report });
    if (isGap(frame)) counts.gaps += 1;
    return nextFault(frame, before, isExcerpt);
  };
  const takeFrame = (line: number, frame: RecordedFrame): void => {
    counts.frames += 1;
    const { agent_uid, epoch, seq } = frame.envelope;
    if (seq === 0) counts.single += 1;
    if (erasedDigest(frame.bytes) !== undefined) counts.erased += 1;
    const why = seq === 0 ? linkFault(linkOf(frame), 0, zeroHash) : takeChained(frame);
    if (why !== undefined) fault ??= { line, why: `agent ${agent_uid}, epoch ${epoch}, seq ${seq}: ${why}` };
  };
  return {
    take: (item) => {
      if (item.kind === "frame") return takeFrame(item.line, item.frame);
      if (item.kind === "json") counts[readConsoleSpan(item.value) === undefined ? "unchained" : "spans"] += 1;
      else if (item.isTorn) torn.push({ line: item.line, why: item.reason });
      else fault ??= { line: item.line, why: item.reason };
    },
    report: () => ({
      ok: fault === undefined,
      ...(fault === undefined ? {} : { fault }),
      ...counts,
      chains: [...chains.values()].map(({ report }) => report),
      torn,
    }),
  };
};
