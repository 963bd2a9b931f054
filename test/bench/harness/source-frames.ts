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
  /** Whose source code the texts are: files of the repository, as a glob. */
  readonly files: string;
  /** Slices to skip, so that another agent says other ones. */
  readonly skip?: number;
};

/** The frames of one agent's chain whose texts are slices of source code. */
export const sourceFrames = ({ agent, count, chars, files, skip = 0 }: SourceFrames): RecordedFrame[] => {
  const names = globSync(files, { cwd: repositoryRoot }).toSorted();
  const sources = names.map((name) => readFileSync(join(repositoryRoot, name), "utf8")).join("");
  const chain = chainBuilder({ agent_uid: agentUid(agent) });
  const types = ["THOUGHT", "ACTION", "ACTION", "STATE_CHANGE"];
  return Array.from({ length: count }, (_, n) => {
    // Slices that overlap little: source code comes again as it does in an agent's patches, never word for word in a chunk.
    const from = ((skip + n) * 7919) % (sources.length - chars);
    const payload = { step: n, text: sources.slice(from, from + chars) };
    return chain.next({ event_type: types[n % types.length], event_id: crypto.randomUUID(), payload });
  });
};
