import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";

/** What the frames of a bench are made of. */
export type SourceFrames = {
  readonly agent: number;
  readonly count: number;
  /** Characters of the text of each. */
  readonly chars: number;
  /** Whose source code the texts are: a folder of the repository. */
  readonly folder: string;
};

/** The frames of one agent's chain whose texts are slices of source code, other ones for another agent. */
export const sourceFrames = ({ agent, count, chars, folder }: SourceFrames): RecordedFrame[] => {
  const files = globSync("**/*.ts", { cwd: join(repositoryRoot, folder) }).toSorted();
  const sources = files.map((name) => readFileSync(join(repositoryRoot, folder, name), "utf8")).join("");
  const chain = chainBuilder({ agent_uid: agentUid(agent) });
  const types = ["THOUGHT", "ACTION", "ACTION", "STATE_CHANGE"];
  return Array.from({ length: count }, (_, n) => {
    // Slices that overlap little: source code comes again as it does in an agent's patches, never word for word in a chunk.
    const from = ((agent * 104_729 + n) * 7919) % (sources.length - chars);
    const payload = { step: n, text: sources.slice(from, from + chars) };
    return chain.next({ event_type: types[n % types.length], event_id: crypto.randomUUID(), payload });
  });
};
