import type { Bench, Contestant, Figure, Staged, Surroundings } from "./harness/bench.ts";
import { ensureNpmPeers } from "./harness/peers.ts";
import { runProgram } from "./harness/program.ts";

const FRAME_BYTES = 600;

/** All contestants decode the same requests; what comes out is compared before speed counts. */
const contestantsOf = (peers: string, seconds: number): Contestant[] => {
  let agreed: number | undefined;
  return ["ours", "protobufjs", "bufbuild"].map((who) => ({
    name: who,
    measure: async () => {
      const reading = await runProgram("decode", { who, peers, bytes: FRAME_BYTES, seconds });
      agreed ??= reading["digest"];
      if (reading["digest"] !== agreed) throw new Error(`${who} decodes to something else than the others`);
      return reading;
    },
  }));
};

const figure = (peer: string, name: string): Figure => ({
  id: `P2 ${peer}`,
  what: `records decoded a CPU-second, beside ${name}`,
  unit: "records/CPU-s",
  ours: ["ours", "perCpuSecond"],
  peer: [peer, "perCpuSecond"],
  goal: { kind: "ratioAtLeast", must: 1.5, aim: 3 },
});

const stage = async ({ quick, note }: Surroundings): Promise<Staged> => {
  note("the npm peers");
  const peers = await ensureNpmPeers();
  return {
    contestants: contestantsOf(peers, quick ? 0.3 : 3),
    figures: [figure("protobufjs", "protobufjs static code"), figure("bufbuild", "@bufbuild/protobuf")],
    conditions: [
      `20 requests of 100 records as a scribe exports them, frames of about ${FRAME_BYTES} B; the digest of everything that comes out is the same for all.`,
      "Ours checks the whole envelope on the way (schema and RFC 8785 form); the peers' side only parses it as JSON.",
      "A process each, warm-up of half the time; CPU-seconds of the process, so that other work on the machine does not count.",
    ],
  };
};

/** P2: from the bytes of an OTLP request to subject, key and frame bytes of each record. */
export const decoderBench: Bench = { id: "P2", title: "OTLP decoder", stage };
