import { dirname, join } from "node:path";
import { agentPrograms, ensureNpmProgram } from "#platform/tools/agent-programs.ts";
import { ensurePythonPackages } from "#platform/tools/python-environment.ts";

/** A name of an agent in the table of versions. */
export type Package = keyof typeof agentPrograms;

/** Installs an agent into the user's cache, where it is not there yet, and answers the path of its command. */
export const installAgent = async (name: Package, command: string): Promise<string> => {
  const pinned = agentPrograms[name];
  if ("python" in pinned) {
    const python = await ensurePythonPackages([`${pinned.python}==${pinned.version}`]);
    return join(dirname(python), command);
  }
  const installed = await ensureNpmProgram(pinned, command);
  return join(installed.directory, installed.command);
};
