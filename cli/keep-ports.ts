import type { Readable } from "node:stream";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import { exitCode, exited, type Ending, type Host } from "./host.ts";
import { pathSecrets } from "./models/path-secret.ts";
import { openRecording } from "./record/open-recording.ts";
import { closeSession } from "./run/close-session.ts";
import { findLeftBehind, untilNobodyIsLeft } from "./run/left-behind.ts";
import { describeStart, tellLifecycle } from "./run/lifecycle.ts";
import { agentOf, openObserver, openWays } from "./run/session.ts";
import type { KeptRun } from "./run/start-keeper.ts";

/** How long the work tree is looked at after something was heard: longer than most of an agent's commands take. */
const ATTENTION_MS = 120_000;

/** The first line of an input, and when all of it is read. */
const readInput = (input: Readable): { line: Promise<string>; end: Promise<void> } => {
  let text = "";
  const line = new Promise<string>((resolve) => {
    input.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    input.once("end", () => resolve(text));
  });
  return { line, end: new Promise((resolve) => void input.once("end", resolve)) };
};

/**
 * Listens where a run listened that has ended, for the processes that its program left behind, until none of them is left or
 * a signal says so. What they do is a chain of its own in the same file; of changes in the work tree, which may be anybody's,
 * those that come while something is heard from them. Started with the
 * run's sockets and a `KeptRun` as input, whose end says that the run takes no more connections.
 */
export const keepPorts = async (host: Host): Promise<Ending> => {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) host.onSignal(signal, () => stop.abort());
  const input = readInput(host.stdin());
  const { options, program, directory, socketPath, trace, secret, sockets } = JSON.parse(await input.line) as KeptRun;
  if ((await findLeftBehind(socketPath)).length === 0) return exited(exitCode.ok);
  const agentId = agentOf(options, program);
  const recording = await openRecording(host, options, {
    agentId,
    directories: [directory],
    secrets: pathSecrets(secret),
  });
  try {
    await makeDirectory(directory, 0o700); // where the run was killed, somebody may have swept it
    const parts = { host, options, program, recording, directory: { path: directory, socketPath }, trace, secret };
    const observer = await openObserver(parts, ATTENTION_MS);
    await observer?.ready();
    const start = describeStart({ host, observer }, program);
    await tellLifecycle(recording.record, trace, { ...start, reason: "LeftBehind" });
    // Before the run's last look: what both see names both, and nothing falls between them.
    await observer?.mark();
    observer?.start();
    host.stdout().write("ready\n");
    await input.end;
    const session = await openWays(parts, observer, sockets);
    host.stdout().write("listening\n");
    recording.sending?.begin();
    await untilNobodyIsLeft(socketPath, { clock: host.clock, signal: stop.signal });
    await closeSession(session, { reason: stop.signal.aborted ? "Stopped" : "Exited" });
    return exited(exitCode.ok);
  } catch (error) {
    host.warn(`enchanted: the ports cannot be kept open: ${String(error)}`);
    await recording.close();
    await recording.runs.leave();
    // As at the end of a program: what is open already would keep this process for good.
    return { ...exited(exitCode.failed), ofProgram: true };
  }
};
