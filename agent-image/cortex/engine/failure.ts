/** Why an agent ended without success; the operator shows the reason, people read the message. */
export type AgentFailure = {
  readonly reason: string;
  readonly message: string;
  /** False when another attempt would end the same way. */
  readonly retry: boolean;
};

/** Ends the agent with a reason. */
export class AgentStopped extends Error {
  override readonly name = "AgentStopped";
  readonly failure: AgentFailure;
  constructor(failure: AgentFailure) {
    super(failure.message);
    this.failure = failure;
  }
}
