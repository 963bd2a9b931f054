import type { MissionFold } from "#nervous-system/fold/state.ts";
import type { RecordHealth } from "#operator/frames/view.ts";
import type { CheckAnswer } from "#operator/gateway/check.ts";
import type { PodFacts } from "#operator/pod/facts.ts";
import type { Agent, Mission, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";

/** Everything that decides what happens to a Mission next, read once. */
export type MissionSnapshot = {
  mission: Mission;
  /** Agents that the mission owns, by name. */
  agents: ReadonlyMap<string, Agent>;
  /** Models that the team names, by name. */
  models: ReadonlyMap<string, Model>;
  /** The gateway's verdict on the Git secret; absent where the mission names none or is admitted already. */
  secret: CheckAnswer | undefined;
  record: RecordHealth;
  fold: MissionFold | undefined;
  /** The verifier pod that the status names, read live. */
  verifier: PodFacts | undefined;
  /** Address of the gateway's Service. */
  gatewayAddress: string | undefined;
  /** Image stamped into Agents. */
  agentImage: string;
  /** Pause between two runs of the verifier, in milliseconds; doubled with each. */
  verifierPauseMs: number;
  nowMs: number;
};
