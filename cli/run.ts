import { rm } from "node:fs/promises";
import { basename } from "node:path";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import { startChild, type ChildEnd, type WrappedChild } from "#scribe/wrap/child.ts";
import { forwardFrames } from "#scribe/wrap/frame-forwarder.ts";
import { countOption, type CommandRun } from "./arguments.ts";
import { createIntake } from "./record/intake.ts";
import { closingLine } from "./run/closing-line.ts";
import { describeEnd, endingOf, hearHurry, ignoredSignals, ignoring, passSignals } from "./run/program.ts";
import { environmentOf, openSession, type Session } from "./run/session.ts";

const SOCKET_GRACE_MS = 200;

const lifecycle = (session: Session, phase: "Started" | "Stopped", more: Record<string, unknown>): Promise<unknown> =>
  session.record.tell(
    { event_type: "LIFECYCLE", payload: { phase, attempt: session.record.recorder.epoch, ...more } },
    { producer: "scribe", trace: session.trace.ids },
  );

const startOf = ({ host, observer }: Session, command: string, args: readonly string[]): Record<string, unknown> => ({
  program: basename(command),
  arguments: args,
  directory: host.cwd,
  ...(observer === undefined ? {} : { observing: observer.place }),
  ...(observer?.commit === undefined ? {} : { commit: observer.commit }),
});

const runProgram = async (
  session: Session,
  [command = "", ...args]: readonly string[],
  lingerMs: number,
): Promise<ChildEnd> => {
  const { host, record, directory } = session;
  await lifecycle(session, "Started", startOf(session, command, args));
  await session.observer?.mark();
  // Before the program: it may signal us as soon as it runs, and no handler runs before this function awaits.
  passSignals(host, () => child);
  const [program = "", ...rest] = ignoring(ignoredSignals(host.env), [command, ...args]);
  const child: WrappedChild = startChild({
    command: program,
    args: rest,
    env: environmentOf(session),
    directory,
    kill: (pid, signal) => host.kill(pid, signal),
    sharesGroup: true,
  });
  session.recording.sending?.begin();
  session.observer?.start();
  const forwarder = forwardFrames({
    source: child.frames,
    clock: host.clock,
    openSender: (events) => createIntake(record, events),
  });
  const end = await child.ended;
  hearHurry(host, () => session.hurry.abort());
  session.hurry.signal.addEventListener("abort", () => void child.frames.destroy());
  await forwarder.finish(lingerMs);
  return end;
};

const closeSession = async (session: Session, end: ChildEnd | undefined): Promise<void> => {
  const { host, recording, directory, hurry } = session;
  const unobserved = (await session.observer?.finish(hurry.signal)) ?? [];
  await session.models?.close();
  await session.otlp?.close();
  await session.socket.close(SOCKET_GRACE_MS);
  if (end !== undefined) await lifecycle(session, "Stopped", describeEnd(end));
  for (const line of unobserved) host.warn(`enchanted: ${line}`);
  for (const line of await recording.close()) host.warn(line);
  const cleaned = async (): Promise<void> => {
    await Promise.all([rm(directory, { recursive: true, force: true }), recording.runs.sweep()]);
    await recording.runs.leave();
  };
  await untilAborted(cleaned(), hurry.signal).catch(() => undefined); // a later run sweeps what is left
};

/** `enchanted run -- program`: the program shares our terminal and process group, and we only listen. */
export const run: CommandRun = async (host, invocation) => {
  const lingerMs = countOption(invocation.options, "linger", 3_600_000);
  const session = await openSession(host, invocation);
  let end: ChildEnd | undefined;
  try {
    end = await runProgram(session, invocation.program, lingerMs);
  } finally {
    await closeSession(session, end);
  }
  if (invocation.options["quiet"] !== true && end.kind !== "notStarted") host.warn(closingLine(session));
  return endingOf(host, end, invocation.program[0] ?? "");
};
