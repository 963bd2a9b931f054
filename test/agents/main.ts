// Runs other people's agents without us and under `enchanted run`, and compares.
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { agentPrograms } from "#platform/tools/agent-programs.ts";
import { loadNow, machineFacts } from "#test/bench/harness/machine.ts";
import { writeOut } from "#test/bench/harness/report.ts";
import { createJournal, type Journal } from "#test/model-server/journal.ts";
import { loadScenarios } from "#test/model-server/load.ts";
import { createScenarioServer } from "#test/model-server/server.ts";
import { agents, type Agent } from "./agents.ts";
import { compare, type Counted } from "./compare.ts";
import { installAgent } from "./install.ts";
import { renderPage, renderTable, type Measured } from "./page.ts";
import { runOnce } from "./run-once.ts";

const USAGE = `usage: node test/agents/main.ts [--only codex,gemini] [--runs 3] [--page] [--show]
  --only  the agents to run; all of them otherwise
  --runs  runs each way
  --page  write docs/reference/agents.md, of these and of those that were run before
  --show  print what each run printed
`;

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    runs: { type: "string", default: "3" },
    page: { type: "boolean", default: false },
    show: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const say = (text: string): void => void process.stderr.write(`${text}\n`);

type Server = { readonly base: string; readonly journal: Journal; close(): void };

const startServer = async (): Promise<Server> => {
  const scenarios = await loadScenarios(join(repositoryRoot, "test/agents/scenarios"));
  const journal = createJournal();
  const server = createScenarioServer({ scenarios, journal, clock: systemClock() }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { base, journal, close };
};

type Runs = { readonly agent: Agent; readonly home: string; readonly program: string; readonly server: Server };

const runCounted = async ({ agent, home, program, server }: Runs, recorded: boolean): Promise<Counted> => {
  const { base, journal } = server;
  const directory = await mkdtemp(join(tmpdir(), "run-"));
  journal.reset();
  try {
    const outcome = await runOnce(agent, { directory, home, base, program, recorded });
    const { requests, failures } = journal.state();
    for (const { problem } of failures) say(`  the model server: ${problem}`);
    if (options.show) say(`${outcome.output}\n${JSON.stringify(outcome.frames, null, 1)}`);
    const way = recorded ? "with us" : "without us";
    say(
      `  ${way}: exit ${outcome.code}, ${outcome.seconds.toFixed(1)} s, ${requests} calls, ${outcome.files.size} files`,
    );
    return { ...outcome, calls: requests };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const resultPath = (name: string): string => join(repositoryRoot, "dist/agents", `${name}.json`);

const runAgent = async (agent: Agent, server: Server, runs: number): Promise<Measured> => {
  say(`${agent.name}:`);
  const program = await installAgent(agent.package, agent.command);
  const home = await mkdtemp(join(tmpdir(), "run-home-"));
  const all: Runs = { agent, home, program, server };
  const [without, with_]: [Counted[], Counted[]] = [[], []];
  try {
    // The first one fills caches and the home, and does not count.
    await runCounted(all, false);
    for (let at = 0; at < runs; at += 1) {
      without.push(await runCounted(all, false));
      with_.push(await runCounted(all, true));
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  const now = new Date().toISOString().slice(0, 16).replace("T", " ");
  const compared = compare(agent, agentPrograms[agent.package].version, without, with_);
  const measured = { ...compared, runs, measured: `${now} UTC at a load of ${loadNow()}` };
  writeOut(resultPath(agent.name), `${JSON.stringify(measured, null, 2)}\n`);
  return measured;
};

/** Every agent as it was measured last. */
const lastResults = (): Measured[] =>
  agents
    .map(({ name }) => resultPath(name))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")) as Measured);

const main = async (): Promise<number> => {
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const wanted = options.only?.split(",");
  const unknown = wanted?.filter((name) => !agents.some((agent) => agent.name === name)) ?? [];
  if (unknown.length > 0) {
    say(`no agent is called ${unknown.join(", ")}; there are ${agents.map(({ name }) => name).join(", ")}`);
    return 64;
  }
  const server = await startServer();
  const all: Measured[] = [];
  try {
    for (const agent of agents.filter(({ name }) => wanted?.includes(name) ?? true))
      all.push(await runAgent(agent, server, Number(options.runs)));
  } finally {
    server.close();
  }
  process.stdout.write(`${renderTable(all)}\n`);
  const faults = all.flatMap(({ name, faults: own }) => own.map((fault) => `${name}: ${fault}`));
  for (const fault of faults) say(fault);
  if (options.page)
    writeOut(join(repositoryRoot, "docs/reference/agents.md"), renderPage(lastResults(), await machineFacts(tmpdir())));
  return faults.length > 0 ? 1 : 0;
};

process.exitCode = await main();
