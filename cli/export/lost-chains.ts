import type { Host } from "../host.ts";
import { createChainCheck, type ChainReport, type FileReport } from "../record/check-chains.ts";
import type { ServerSettings } from "../server/settings.ts";
import { readFrames, type FrameFilter } from "./read-frames.ts";

/** The chains of agents that lack frames in an answer that was to have all of them. */
const incompleteOf = ({ chains }: FileReport, filter: FrameFilter): readonly ChainReport[] =>
  ["types", "from", "to"].some((name) => filter[name] !== undefined)
    ? []
    : chains.filter(({ recorder, missing }) => recorder === "scribe" && missing > 0);

/** A chain as the ledger has it, whatever names its frames give their agent. */
const wholeChain = async (
  host: Host,
  reader: ServerSettings,
  { agent_uid, epoch }: ChainReport,
  signal: AbortSignal,
): Promise<ChainReport | undefined> => {
  const check = createChainCheck(true);
  let line = 0;
  for await (const frame of readFrames(host, reader, { agent: agent_uid }, signal))
    if (frame.envelope.agent_uid === agent_uid && frame.envelope.epoch === epoch)
      check.take({ kind: "frame", line: (line += 1), frame });
  return check.report().chains[0];
};

/**
 * Chains of agents of which the ledger lacks frames, where all of each was asked for: a mission has its agents' chains whole. A name
 * may be that of a part of a chain, as programs name themselves in each frame, so what such an answer lacks is looked for by the
 * chain's UID. Rejects with `GrpcFailure` and the signal's reason.
 */
export const findLostChains = async (
  host: Host,
  reader: ServerSettings,
  { filter, report }: { readonly filter: FrameFilter; readonly report: FileReport },
  signal: AbortSignal,
): Promise<readonly ChainReport[]> => {
  const lost: ChainReport[] = [];
  for (const chain of incompleteOf(report, filter)) {
    const isByName = filter["agent"] !== undefined && filter["agent"] !== chain.agent_uid;
    const whole = isByName ? await wholeChain(host, reader, chain, signal) : chain;
    if (whole !== undefined && whole.missing > 0) lost.push(whole);
  }
  return lost;
};
