import type { AgentFailure } from "../cortex/engine/limits.ts";
import type { ProgramEnd } from "./start-program.ts";

/** What a program's end means: nothing where it ended well. */
export const judgeEnd = (name: string, end: ProgramEnd): AgentFailure | undefined => {
  switch (end.kind) {
    case "exited":
      return end.code === 0
        ? undefined
        : {
            reason: "ProgramFailed",
            message: `${name} ended with exit code ${end.code}; its log says more`,
            retry: true,
          };
    case "signalled":
      return { reason: "ProgramFailed", message: `${name} was ended by ${end.signal}`, retry: true };
    case "notStarted":
      return {
        reason: "CommandNotStarted",
        message: `${name} could not be started: ${end.message}; is it in the image, and executable?`,
        retry: false,
      };
  }
};
