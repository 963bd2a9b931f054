import { tryRun } from "../process/run.ts";
import type { Layout } from "../cluster/layout.ts";
import { findSupervisor, readStatus } from "../supervise/control.ts";
import type { ServiceStatus } from "../supervise/supervise-service.ts";
import { ensureTool, hasTool } from "../tools/ensure-tool.ts";

/** The processes of the platform as a table. */
const renderServices = (services: readonly ServiceStatus[]): string =>
  services
    .map(({ name, state, process, restarts }) =>
      [name.padEnd(26), state.padEnd(20), String(process?.pid ?? "-").padEnd(9), `restarts ${restarts}`].join(""),
    )
    .join("\n");

/** Tells what of the platform runs, and which pods are there. */
export const describeStatus = async (layout: Layout): Promise<string> => {
  const supervisor = await findSupervisor(layout);
  if (supervisor === undefined) return `Nothing runs. State directory: ${layout.state}. Start: make up`;
  const lines = [
    `supervisor, process ${supervisor.pid}; logs in ${layout.logs}`,
    renderServices(await readStatus(layout)),
  ];
  if (await hasTool("kubectl")) {
    const pods = await tryRun([
      await ensureTool("kubectl"),
      `--kubeconfig=${layout.kubeconfig}`,
      "get",
      "pods",
      "--all-namespaces",
    ]);
    lines.push("", pods.stdout.trimEnd() || pods.stderr.trimEnd());
  }
  return lines.join("\n");
};
