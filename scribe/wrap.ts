import { rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import * as z from "zod";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { exitCodeOf, proxyEnvironment, startChild, type WrappedChild } from "./wrap/child.ts";
import { forwardFrames } from "./wrap/frame-forwarder.ts";
import { withoutSecretsOf } from "./wrap/known-secrets.ts";
import { writeTerminationMessage, renderTerminationMessage } from "./wrap/termination-message.ts";

// enchanted-wrap: process 1 of the agent container. `node wrap.js -- command args…`
//
// It forwards signals and kills the child's process group when the child outlives its time. What it cannot do is reap
// orphans: Node waits only for children of its own, so a grandchild that outlived its parent stays a zombie until the
// container ends. A zombie holds a process id and nothing else.

const milliseconds = z.coerce.number().int().min(0).max(3_600_000);
const environment = z.object({
  ENCHANTED_SOCKET: z.string().default("/enchanted/sock/context.sock").describe("path of the scribe's socket"),
  ENCHANTED_AGENT_STOP_MS: milliseconds.default(10_000).describe("time that the program gets at SIGTERM"),
  ENCHANTED_CAPTURE_MS: milliseconds.default(5_000).describe("time for frames that come after the program's end"),
  ENCHANTED_SOCKET_LINK: z.string().default("/tmp/enchanted_context.sock").describe("well-known name of the socket"),
  ENCHANTED_PROXY_PORT: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("loopback port of the scribe's proxy; the program is told of it as HTTPS_PROXY"),
  ENCHANTED_TERMINATION_LOG: z.string().default("/dev/termination-log").describe("file for the last message"),
});
type WrapConfig = z.output<typeof environment>;

const FORWARDED = ["SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"] as const;
const clock = systemClock();

const linkSocket = (config: WrapConfig): void => {
  try {
    rmSync(config.ENCHANTED_SOCKET_LINK, { force: true });
    symlinkSync(config.ENCHANTED_SOCKET, config.ENCHANTED_SOCKET_LINK);
  } catch {
    // A convenience only.
  }
};

/**
 * Passes signals on; at SIGTERM the child has its time, then its whole group is killed. The child may be started after the
 * call, before anything is awaited. Answers whether it was told to stop.
 */
const passSignals = (child: () => WrappedChild, stopMs: number): (() => boolean) => {
  let isStopping = false;
  for (const signal of FORWARDED) process.on(signal, () => child().signal(signal));
  process.on("SIGTERM", () => {
    child().signal("SIGTERM");
    if (isStopping) return;
    isStopping = true;
    const cancel = clock.after(stopMs, () => child().killGroup());
    void child().ended.then(cancel);
  });
  return () => isStopping;
};

const run = async (config: WrapConfig, command: string, args: readonly string[]): Promise<number> => {
  // Before the program: process 1 gets no signal that it does not hear, and no handler runs before this function awaits.
  const wasStopped = passSignals(() => child, config.ENCHANTED_AGENT_STOP_MS);
  linkSocket(config);
  const child: WrappedChild = startChild({
    command,
    args,
    env: { ...process.env, ...proxyEnvironment(config.ENCHANTED_PROXY_PORT) },
    directory: tmpdir(),
    kill: process.kill.bind(process),
  });
  const forwarder = forwardFrames({
    source: child.frames,
    socketPath: config.ENCHANTED_SOCKET,
    clock,
    clean: withoutSecretsOf(process.env),
  });
  const end = await child.ended;
  if (wasStopped()) child.killGroup(); // what the program left behind has had its time too
  const isWhole = await forwarder.finish(config.ENCHANTED_CAPTURE_MS);
  await writeTerminationMessage(config.ENCHANTED_TERMINATION_LOG, renderTerminationMessage(end, isWhole));
  if (end.kind === "notStarted") console.error(`enchanted-wrap: ${command}: ${end.message}`);
  return exitCodeOf(end);
};

const separator = process.argv.indexOf("--");
const [command, ...args] = separator < 0 ? [] : process.argv.slice(separator + 1);
const parsed = parseConfig(environment, process.env);
if (command === undefined || parsed.kind === "invalid") {
  console.error(parsed.kind === "invalid" ? parsed.message : "usage: node wrap.js -- command [arguments]");
  process.exit(2);
}
process.exit(await run(parsed.value, command, args));
