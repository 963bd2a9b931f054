import { readFile, writeFile } from "node:fs/promises";
import { agentMessageBytes, fitMessage } from "#nervous-system/schemas/termination-message.ts";
import { exitCodeOf, type ChildEnd } from "./child.ts";

const describe = (end: ChildEnd): { reason: string; message: string } => {
  switch (end.kind) {
    case "exited":
      return {
        reason: end.code === 0 ? "Exited" : "ExitCode",
        message: `the agent's program ended with exit code ${end.code}`,
      };
    case "signalled":
      return { reason: "Killed", message: `the agent's program was ended by ${end.signal}` };
    case "notStarted":
      return { reason: "CommandNotStarted", message: `the agent's program could not be started: ${end.message}` };
  }
};

/** The termination message for a program that left none. */
export const renderTerminationMessage = (end: ChildEnd, framesAreWhole: boolean): string => {
  const { reason, message } = describe(end);
  const lost = framesAreWhole ? "" : "; its last frames on FD 3 could not be handed to the scribe in time";
  const outcome = exitCodeOf(end) === 0 ? "Succeeded" : "Failed";
  return fitMessage({ outcome, reason, message: message + lost }, agentMessageBytes);
};

/** Writes the message unless the program wrote its own. */
export const writeTerminationMessage = async (path: string, message: string): Promise<void> => {
  const own = await readFile(path, "utf8").catch(() => "");
  if (own.trim() === "") await writeFile(path, message).catch(() => undefined);
};
