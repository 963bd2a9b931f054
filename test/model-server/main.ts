import * as z from "zod";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { createJournal } from "#test/model-server/journal.ts";
import { loadScenarios } from "#test/model-server/load.ts";
import { createScenarioServer } from "#test/model-server/server.ts";

const environment = z.object({
  HOST: z.string().default("0.0.0.0").describe("address to listen on"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080).describe("port to listen on; 0 takes a free one"),
  SCENARIO_DIR: z.string().default("/scenarios").describe("directory of the scenario files"),
});

const config = parseConfig(environment, process.env);
if (config.kind === "invalid") {
  console.error(config.message);
  process.exit(2);
}
const { HOST, PORT, SCENARIO_DIR } = config.value;
const journal = createJournal();
const scenarios = await loadScenarios(SCENARIO_DIR);
const server = createScenarioServer({ scenarios, journal, clock: systemClock() });
server.listen(PORT, HOST, () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : PORT;
  console.log(
    JSON.stringify({ message: "scenario model listens", host: HOST, port, scenarios: [...scenarios.keys()] }),
  );
});

/** Ends with 1 when a scenario's expectation failed, so that a run by hand shows it. */
const stop = (): void => {
  const { failures } = journal.state();
  for (const failure of failures) console.error(JSON.stringify(failure));
  server.closeAllConnections();
  server.close(() => process.exit(failures.length > 0 ? 1 : 0));
};
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
