import { agentMessageBytes, fitMessage } from "#nervous-system/schemas/termination-message.ts";
import type { AgentOutcome } from "./agents/base-agent.ts";

/** What the agent leaves in its pod's termination message, as JSON short enough for the kubelet to keep it whole. */
export const renderTermination = (outcome: AgentOutcome): string => {
  switch (outcome.kind) {
    case "succeeded": {
      const { message, headSha } = outcome;
      const told = headSha === undefined ? { reason: "NoChanges", message } : { reason: "Proposed", message };
      const head = headSha === undefined ? {} : { headSHA: headSha };
      return fitMessage({ outcome: "Succeeded", ...told, ...head }, agentMessageBytes);
    }
    case "failed": {
      const { reason, message } = outcome.failure;
      return fitMessage({ outcome: "Failed", reason, message }, agentMessageBytes);
    }
    case "stopped":
      return fitMessage({ outcome: "Failed", reason: "Stopped", message: outcome.message }, agentMessageBytes);
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
