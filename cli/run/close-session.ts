import { rm } from "node:fs/promises";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import { tellLifecycle } from "./lifecycle.ts";
import type { Session } from "./session.ts";
import type { Keeper } from "./start-keeper.ts";

const SOCKET_GRACE_MS = 200;
/** How long calls of a model may go on that a process left behind has under way. */
const CALLS_MS = 2000;

/** Closes the ways into the record; answers whether somebody else listens there now. */
const closeWays = async ({ models, otlp, socket }: Session, keeper: Keeper | undefined): Promise<boolean> => {
  const calls = models?.close(keeper === undefined ? 0 : CALLS_MS);
  await Promise.all([otlp?.close(), socket.close(SOCKET_GRACE_MS)]);
  const isKept = (await keeper?.takeOver()) ?? false;
  await calls;
  return isKept;
};

const tellKeeper = (host: Session["host"], { pid }: Keeper): void =>
  host.warn(
    `enchanted: process ${pid} goes on recording what the program left behind, until that ends; end it with: kill ${pid}`,
  );

/** Ends what records: `end` is what LIFECYCLE says of it, where the program began. */
export const closeSession = async (
  session: Session,
  end: Record<string, unknown> | undefined,
  keeper?: Keeper,
): Promise<void> => {
  const { host, recording, record, directory, hurry, trace } = session;
  const unobserved = (await session.observer?.finish(hurry.signal)) ?? [];
  const isKept = await closeWays(session, keeper);
  if (end !== undefined) await tellLifecycle(record, trace, { phase: "Stopped", ...end });
  for (const line of unobserved) host.warn(`enchanted: ${line}`);
  for (const line of await recording.close()) host.warn(line);
  if (keeper !== undefined && isKept) tellKeeper(host, keeper);
  const cleaned = async (): Promise<void> => {
    await Promise.all([isKept || rm(directory, { recursive: true, force: true }), recording.runs.sweep()]);
    await recording.runs.leave();
  };
  await untilAborted(cleaned(), hurry.signal).catch(() => undefined); // a later run sweeps what is left
};
