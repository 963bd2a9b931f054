// A candidate of a leader election as a process of its own, for tests that stop it: it writes its name into one
// ConfigMap as fast as it may, always onto the version that it last saw, and tells each attempt on standard output.
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { isConflict } from "#nervous-system/kubernetes/errors.ts";
import { configMaps } from "#nervous-system/kubernetes/kinds.ts";
import { createLeaderElector } from "#nervous-system/kubernetes/lease.ts";
import { clientOn } from "#test/integration/kubernetes/control-plane.ts";

const [kubeconfig = "", namespace = "", identity = "", fenced = ""] = process.argv.slice(2);
const WRITE_EVERY_MS = 20;
const tell = (line: string): void => void process.stdout.write(`${line}\n`);

const clock = systemClock();
const { client } = clientOn({ kind: "file", path: kubeconfig });
const elector = createLeaderElector({
  client,
  namespace,
  name: "election",
  identity,
  times: { durationMs: 3000, renewDeadlineMs: 2000, retryMs: 400 },
  clock,
  random: Math.random,
  log: silentLog,
});
const writer = fenced === "fenced" ? client.with({ guard: elector.fence }) : client;
const forever = new AbortController().signal;

await elector.acquire(forever);
tell("leading");
void elector.hold(forever).then(() => tell("lost"));
let current = await client.get(configMaps, { namespace, name: "target" });
for (let n = 0; ; n += 1) {
  try {
    current = await writer.patch(configMaps, current.metadata, { data: { writer: identity, n: String(n) } });
    tell("written");
  } catch (error) {
    tell(isConflict(error) ? "refused by the server" : `refused here: ${String(error)}`);
  }
  await clock.sleep(WRITE_EVERY_MS);
}
