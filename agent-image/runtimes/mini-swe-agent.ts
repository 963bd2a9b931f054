import type { RuntimeRow } from "./runtime.ts";

/** mini-swe-agent, an agent from the Python index, which speaks chat completions by litellm. */
export const miniSweAgent: RuntimeRow = {
  command: (_, { model }) => ["mini", "-m", `openai/${model}`, "-y", "--exit-immediately", "-l", "0", "-t", "{task}"],
  env: () => ({
    // Without a configuration it asks for one.
    MSWEA_CONFIGURED: "true",
    // The gateway prices calls; it ends where it cannot.
    MSWEA_COST_TRACKING: "ignore_errors",
    // litellm would ask for its table of prices.
    LITELLM_LOCAL_MODEL_COST_MAP: "True",
  }),
};
