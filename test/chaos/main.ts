import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import type { Kills } from "./nemesis.ts";
import { addToReport } from "./report.ts";
import { runChaos } from "./run-chaos.ts";

const USAGE = "usage: node test/chaos/main.ts [--kills 1000] [--agents 4] [--collectors 2] [--seed 1]";
const SHOW_EVERY = 20;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "1000" },
    agents: { type: "string", default: "4" },
    collectors: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const clock = systemClock();
const wanted = Number(values.kills);
const started = clock.monotonicMs();
const show = (kills: Kills, acknowledged: number): void => {
  const done = Object.values(kills).reduce((sum, count) => sum + count, 0);
  if (done % SHOW_EVERY !== 0) return;
  const seconds = (clock.monotonicMs() - started) / 1_000;
  const left = ((wanted - done) * seconds) / done;
  console.log(
    `${done}/${wanted} kills (${kills.scribe} scribes, ${kills.collector} collectors, ${kills.siphon} siphons, ${kills.nats} NATS), ` +
      `${acknowledged} frames answered, ${Math.round(seconds)} s gone, ${Math.round(left)} s left`,
  );
};

const dir = join(repositoryRoot, "dist", "chaos");
const cleanup = createCleanup();
try {
  const result = await runChaos({
    kills: wanted,
    agents: Number(values.agents),
    collectors: Number(values.collectors),
    seed: Number(values.seed),
    clock,
    cleanup,
    logsTo: join(dir, "logs"),
    onProgress: show,
  });
  const { violations, ...figures } = result;
  console.log(JSON.stringify(figures));
  for (const { rule, why } of violations.slice(0, 20)) console.error(`${rule}: ${why}`);
  console.log(violations.length === 0 ? "no rule was broken" : `${violations.length} times a rule was broken`);
  await addToReport(dir, "kills", result);
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await cleanup.run();
}
process.exit();
