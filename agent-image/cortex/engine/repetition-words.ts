import { boundText } from "../tools/bounded-text.ts";

/** A call that was made before, and what came of it. */
type Repeated = { readonly tool: string; readonly ok: boolean; readonly result: string };

// It becomes a part of the pod's termination message and of the mission's outcome.
const maxResultChars = 800;

/**
 * Why an agent is given up that repeats a call. What refused it is what people have to know; what succeeded, such as a file that
 * was read, is nothing for a status.
 */
export const describeRepetition = ({ tool, ok, result }: Repeated): string => {
  const told = `the agent repeats ${tool.slice(0, 100)} with the same arguments and result`;
  const text = result.trim();
  return ok || text === "" ? told : `${told}: ${boundText(text, maxResultChars)}`;
};

/** What the model is told in time; where `finish` itself was refused, calling it is no way out. */
export const warnOfRepetition = ({ tool, ok }: Repeated): string => {
  const wayOut =
    tool === "finish" && !ok
      ? "It will be refused again until you undo or mend what it refuses: do that first."
      : "Do something else, or call finish.";
  return `\n[You did exactly this before, with the same result. ${wayOut}]`;
};
