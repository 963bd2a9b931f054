import type { AgentOutcome } from "./agents/base-agent.ts";

const maxMessageChars = 1_500;

/** What the agent leaves in its pod's termination message, as JSON below the 4 KiB that the kubelet keeps. */
export const renderTermination = (outcome: AgentOutcome): string => {
  switch (outcome.kind) {
    case "succeeded":
      return JSON.stringify({
        outcome: "Succeeded",
        reason: "Proposed",
        message: outcome.message.slice(0, maxMessageChars),
        headSHA: outcome.headSha,
      });
    case "failed": {
      const { reason, message } = outcome.failure;
      return JSON.stringify({ outcome: "Failed", reason, message: message.slice(0, maxMessageChars) });
    }
    case "stopped":
      return JSON.stringify({ outcome: "Failed", reason: "Stopped", message: outcome.message });
  }
};

/** The exit code: 0 done, 1 failed and may be tried again, 2 must not be tried again, 143 stopped by SIGTERM. */
export const exitCodeOf = (outcome: AgentOutcome): number => {
  switch (outcome.kind) {
    case "succeeded":
      return 0;
    case "failed":
      return outcome.failure.retry ? 1 : 2;
    case "stopped":
      return 143;
  }
};
