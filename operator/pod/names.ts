/** Name of an agent's pod. */
export const agentPodName = (agent: string, attempt: number): string => `${agent}-${attempt}`;

/** Name of a verifier pod. */
export const verifierPodName = (mission: string, attempt: number): string => `${mission}-verify-${attempt}`;

/** Name of the Agent of a team member. */
export const agentName = (mission: string, member: string): string => `${mission}-${member}`;
