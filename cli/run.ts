import { startChild, type ChildEnd, type WrappedChild } from "#scribe/wrap/child.ts";
import { forwardFrames } from "#scribe/wrap/frame-forwarder.ts";
import { countOption, type CommandRun } from "./arguments.ts";
import { createIntake } from "./record/intake.ts";
import { closeSession } from "./run/close-session.ts";
import { closingLine } from "./run/closing-line.ts";
import { givingBack, inheritedBy } from "./run/inherited.ts";
import { describeStart, tellLifecycle } from "./run/lifecycle.ts";
import { describeEnd, endingOf, hearHurry, passSignals } from "./run/program.ts";
import { environmentOf, openSession, type Session } from "./run/session.ts";
import { startGuard, startKeeper, type Keeper } from "./run/start-keeper.ts";

const runProgram = async (
  session: Session,
  [command = "", ...args]: readonly string[],
  lingerMs: number,
): Promise<ChildEnd> => {
  const { host, record, directory } = session;
  await Promise.all([record.hidden, session.observer?.ready()]);
  await tellLifecycle(record, session.trace, describeStart(session, [command, ...args]));
  await session.observer?.mark();
  // Before the program: it may signal us as soon as it runs, and no handler runs before this function awaits.
  passSignals(host, () => child);
  const told = session.models?.command([command, ...args]) ?? [command, ...args];
  const inherited = inheritedBy(host.env);
  const env = environmentOf(session);
  const [program = "", ...rest] = givingBack(inherited, env, told);
  const child: WrappedChild = startChild({
    command: program,
    args: rest,
    env,
    directory,
    descriptors: inherited.descriptors,
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

/** `enchanted run -- program`: the program shares our terminal and process group, and we only listen. */
export const run: CommandRun = async (host, invocation) => {
  const lingerMs = countOption(invocation.options, "linger", 3_600_000);
  const { options, program } = invocation;
  if (options["quiet"] !== true && inheritedBy(host.env).descriptors.includes(3))
    host.warn(
      "enchanted: descriptor 3 was open already and stays the program's: frames are taken at $ENCHANTED_SOCKET",
    );
  const session = await openSession(host, invocation);
  let end: ChildEnd | undefined;
  let keeper: Keeper | undefined;
  const sendGuardHome = startGuard(session, { options, program });
  try {
    end = await runProgram(session, program, lingerMs);
    const ready = await startKeeper(session, { options, program });
    // From then on two would stand ready.
    keeper = ready && { ...ready, takeOver: () => ready.takeOver().finally(sendGuardHome) };
  } finally {
    await closeSession(session, end && describeEnd(end), keeper);
    sendGuardHome();
  }
  if (options["quiet"] !== true && end.kind !== "notStarted") host.warn(closingLine(session));
  return endingOf(host, end, program[0] ?? "");
};
