import { saidIn } from "#nervous-system/fold/read-frame.ts";
import type { ContextItem } from "#nervous-system/recorder/context-file/read-items.ts";
import { linkFault } from "#nervous-system/schemas/chain.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { readConsoleSpan } from "./console-span.ts";

/** One chain of a file, as far as it was read. */
export type ChainReport = {
  agent_uid: string;
  epoch: number;
  frames: number;
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

/** Creates a check at the beginning of a file; chains of several runs may stand between each other. */
export const createChainCheck = (): ChainCheck => {
  const chains = new Map<string, ChainReport>();
  const counts = { frames: 0, spans: 0, unchained: 0 };
  const torn: FileFault[] = [];
  let fault: FileFault | undefined;

  const takeFrame = (line: number, frame: RecordedFrame): void => {
    counts.frames += 1;
    const { agent_uid, epoch, seq } = frame.envelope;
    const key = `${agent_uid}/${epoch}`;
    const before = chains.get(key);
    const link = {
      agentUid: agent_uid,
      epoch,
      seq,
      prevHash: frame.prevHash,
      observedNs: BigInt(frame.envelope.observed),
      envelopeText: frame.envelopeText,
      bytes: frame.bytes,
      hash: frame.hash,
    };
    const why = linkFault(link, (before?.frames ?? 0) + 1, before?.hash);
    if (why !== undefined) fault ??= { line, why: `agent ${agent_uid}, epoch ${epoch}, seq ${seq}: ${why}` };
    chains.set(key, { agent_uid, epoch, frames: seq, hash: frame.hash, finished: isStop(frame) });
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
      chains: [...chains.values()],
      torn,
    }),
  };
};
