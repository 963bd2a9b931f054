import { goTools, testTools, type ToolName } from "../versions.ts";
import { ensureTool, hasTool } from "./ensure-tool.ts";

/** Every program, the ones that tests start first. */
export const allTools: readonly ToolName[] = [
  ...new Set([...testTools, ...(Object.keys(goTools) as ToolName[])]),
];

/** Builds the programs that the cache does not hold, one after the other: each build uses every processor. */
export const ensureTools = async (
  names: readonly ToolName[],
  note: (text: string) => void,
): Promise<void> => {
  const missing: ToolName[] = [];
  for (const name of names) if (!(await hasTool(name))) missing.push(name);
  for (const [index, name] of missing.entries()) {
    note(`building ${name} ${goTools[name].version} (${index + 1} of ${missing.length})`);
    await ensureTool(name);
  }
};
