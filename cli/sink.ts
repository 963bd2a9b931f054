import type { Readable } from "node:stream";
import { forwardFrames } from "#scribe/wrap/frame-forwarder.ts";
import type { CommandRun } from "./arguments.ts";
import { exitCode, exited } from "./host.ts";
import { createIntake } from "./record/intake.ts";
import { openRecording } from "./record/open-recording.ts";

const endOf = (source: Readable): Promise<void> =>
  new Promise((resolve) => {
    for (const event of ["end", "close", "error"]) source.once(event, () => resolve());
  });

/** `enchanted sink`. An interrupt of the terminal is meant for the program beside it, so only the end of input ends it. */
export const sink: CommandRun = async (host, { options }) => {
  const recording = await openRecording(host, options, { agentId: "sink" });
  recording.sending?.begin();
  for (const signal of ["SIGINT", "SIGHUP", "SIGQUIT"] as const) host.onSignal(signal, () => undefined);
  const source = host.stdin();
  const ended = endOf(source);
  host.onSignal("SIGTERM", () => void source.destroy());
  const forwarder = forwardFrames({
    source,
    clock: host.clock,
    openSender: (events) => createIntake(recording.record, events),
  });
  await ended;
  const isWhole = await forwarder.finish(0);
  for (const line of await recording.close()) host.warn(line);
  await recording.runs.leave();
  return exited(isWhole && recording.record.isWhole() ? exitCode.ok : exitCode.fault);
};
