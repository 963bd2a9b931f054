import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseScenario, type Scenario } from "#test/model-server/scenario.ts";

/** Reads every scenario (`.yaml`, `.yml`, `.json`) of a directory; throws on a bad file and on a name used twice. */
export const loadScenarios = async (directory: string): Promise<ReadonlyMap<string, Scenario>> => {
  const files = (await readdir(directory)).filter((file) => /\.(ya?ml|json)$/.test(file)).toSorted();
  const scenarios = new Map<string, Scenario>();
  for (const file of files) {
    const scenario = parseScenario(await readFile(join(directory, file), "utf8"), file);
    if (scenarios.has(scenario.name)) throw new Error(`${file}: the scenario "${scenario.name}" is there twice`);
    scenarios.set(scenario.name, scenario);
  }
  if (scenarios.size === 0) throw new Error(`${directory} holds no scenario; put .yaml files there`);
  return scenarios;
};
