import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { createCleanup } from "#test/integration/pipeline/bus-harness.ts";
import { addToReport } from "../report.ts";
import { targets, type StoreKills } from "./nemesis.ts";
import { runStoreChaos } from "./run-store-chaos.ts";

const USAGE =
  "usage: node test/chaos/stores/main.ts [--siphon 500] [--each 30, of NATS and of each store] [--rate 80] [--seed 1]";
const SHOW_EVERY = 20;

const { values } = parseArgs({
  options: {
    siphon: { type: "string", default: "500" },
    each: { type: "string", default: "30" },
    rate: { type: "string", default: "80" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const clock = systemClock();
const started = clock.monotonicMs();
const show = (kills: StoreKills, stored: number): void => {
  if (Object.values(kills).reduce((sum, count) => sum + count, 0) % SHOW_EVERY !== 0) return;
  const told = targets.map((target) => `${kills[target]} ${target}`).join(", ");
  const seconds = Math.round((clock.monotonicMs() - started) / 1_000);
  console.log(`kills: ${told}; ${stored} frames stored, ${seconds} s gone`);
};

const dir = join(repositoryRoot, "dist", "chaos");
const cleanup = createCleanup();
const wanted = Object.fromEntries(
  targets.map((target) => [target, Number(target === "siphon" ? values.siphon : values.each)]),
) as StoreKills;
try {
  const { violations, ...figures } = await runStoreChaos({
    wanted,
    perSecond: Number(values.rate),
    seed: Number(values.seed),
    clock,
    cleanup,
    logsTo: join(dir, "logs"),
    onProgress: show,
  });
  console.log(JSON.stringify(figures));
  for (const { rule, why } of violations.slice(0, 20)) console.error(`${rule}: ${why}`);
  console.log(violations.length === 0 ? "no rule was broken" : `${violations.length} times a rule was broken`);
  await addToReport(dir, "stores", { ...figures, violations });
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await cleanup.run();
}
process.exit();
