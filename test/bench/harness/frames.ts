import type { Envelope, RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import type { FrameRecord } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { outgoing } from "#test/integration/pipeline/outgoing.ts";

const WORDS =
  "the limiter counts refused requests too so a burst keeps its caller out for ever; look at the bucket's refill first ";

/** A payload as agents write them: ten members, of which one is a text that fills the frame up to about `bytes`. */
export const tenMembers = (n: number, bytes: number) => ({
  text: WORDS.repeat(Math.ceil(bytes / WORDS.length)).slice(0, Math.max(0, bytes - 330)),
  step: n,
  plan: "repair the limiter",
  file: "src/limiter.js",
  confidence: 0.8,
  tool: "read_file",
  alternatives: 3,
  final: false,
  model: "coder",
  tokens: 512,
});

/** The frames of one agent's chain, each of about `bytes` bytes with ten members. */
export const framesOfAgent = (
  agent: number,
  count: number,
  bytes: number,
  of: Partial<Envelope> = {},
): RecordedFrame[] => {
  const chain = chainBuilder({ agent_uid: agentUid(agent), ...of });
  return Array.from({ length: count }, (_, n) => chain.next({ payload: tenMembers(n, bytes) }));
};

/** The same as the exporter of a scribe sends them. */
export const exported = (frames: readonly RecordedFrame[]): FrameRecord[] => frames.map(outgoing);
