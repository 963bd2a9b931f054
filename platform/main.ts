// Every step of the Makefile, and the processes that the supervisor keeps: `node platform/main.ts <step>`.
import { mkdir, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createApiClient } from "./cluster/api-client.ts";
import { layoutOf } from "./cluster/layout.ts";
import { startCluster, stopCluster } from "./cluster/lifecycle.ts";
import { runPacketFilter } from "./cluster/packet-filter/packet-filter.ts";
import { kubeconfigPathIn } from "./cluster/pki.ts";
import { findHostedModel } from "./cluster/sample.ts";
import { runVolumeProvisioner } from "./cluster/volumes/provisioner.ts";
import { cacheDirectory, repositoryRoot, stateDirectory } from "./environment.ts";
import { withLock } from "./process/lock.ts";
import { runSteps, type Step } from "./steps/progress.ts";
import { describeStatus } from "./steps/status.ts";
import { runAllTests } from "./steps/test.ts";
import { chartOnlySteps, packagesStep, renderWelcome, testProgramsStep, upSteps, type UpOptions } from "./steps/up.ts";
import { findSupervisor, SUPERVISOR_LOCK } from "./supervise/control.ts";
import { runSupervisor } from "./supervise/supervisor.ts";
import { ensureTool } from "./tools/ensure-tool.ts";

const layout = layoutOf(stateDirectory());
const clock = systemClock();
const say = (text: string): void => console.log(text);
const isRoot = process.getuid?.() === 0;
const hosted = findHostedModel(process.env);
const options: UpOptions = {
  layout,
  root: repositoryRoot,
  cacheDir: cacheDirectory(),
  isRoot,
  ...(hosted && { hosted }),
  ...(process.env["VALUES"] && { valuesFile: resolve(process.env["VALUES"]) }),
};

const walk = (steps: readonly Step[]): Promise<void> => runSteps(steps, clock, say);
const LOCK_WAIT_MS = 10_000;
/** Only one run at a time on this machine changes what is up. */
const alone = <T>(work: () => Promise<T>): Promise<T> => withLock("embedded platform", work);

/** Aborts at SIGTERM and SIGINT. */
const untilAsked = (): AbortSignal => {
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => controller.abort());
  return controller.signal;
};

const linkKubectl = async (): Promise<void> => {
  const link = join(layout.state, "bin/kubectl");
  await mkdir(join(layout.state, "bin"), { recursive: true });
  await rm(link, { force: true });
  await symlink(await ensureTool("kubectl"), link);
};

const up = async (): Promise<void> => {
  const context = process.env["KUBECONTEXT"];
  if (context) return walk(chartOnlySteps(repositoryRoot, context, process.env["VALUES"]));
  await walk(upSteps(options));
  await linkKubectl();
  say(await renderWelcome(layout, repositoryRoot));
};

const down = (): Promise<void> => stopCluster(layout, process.env["PURGE"] === "1", (what) => say(`removed: ${what}`));

const platformClient = () => createApiClient(kubeconfigPathIn(layout.pki, "platform"));

/** A process of ours says that it is ready by a file; one of an earlier life says nothing. */
const forgetReady = (name: string): Promise<void> => rm(join(layout.state, `${name}.ready`), { force: true });

const commands: Readonly<Record<string, () => Promise<void>>> = {
  up: () => alone(up),
  cluster: () => alone(() => startCluster(layout, (what) => say(`ready: ${what}`))),
  down: () => alone(down),
  status: async () => say(await describeStatus(layout)),
  tools: () => walk([packagesStep(options), testProgramsStep(options)]),
  test: async () => {
    const passed = await runAllTests({
      root: repositoryRoot,
      resultsDir: join(repositoryRoot, "dist/test-results"),
      clock,
      say,
      installPackages: () => walk([packagesStep(options)]),
      buildPrograms: () => walk([testProgramsStep(options)]),
      isClusterUp: async () => (await findSupervisor(layout)) !== undefined,
      clusterUp: () => alone(up),
      clusterDown: () => alone(down),
    });
    if (!passed) process.exitCode = 1;
  },
  supervise: () => withLock(SUPERVISOR_LOCK, () => runSupervisor(layout, untilAsked()), LOCK_WAIT_MS),
  "packet-filter": async () => {
    await forgetReady("packet-filter");
    await runPacketFilter(await platformClient(), layout, untilAsked());
  },
  volumes: async () => {
    await forgetReady("volumes");
    await runVolumeProvisioner(await platformClient(), layout, untilAsked());
  },
};

const name = process.argv[2] ?? "";
const command = commands[name];
try {
  if (command === undefined) throw new Error(`Unknown step "${name}". Steps: ${Object.keys(commands).join(", ")}.`);
  await command();
} catch (error) {
  console.error(process.env["ENCHANTED_DEBUG"] ? error : (error as Error).message);
  process.exitCode = 1;
}
process.exit();
