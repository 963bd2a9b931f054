import { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { isFrameType } from "#nervous-system/schemas/frames/catalog.ts";
import type { LeftOut } from "#nervous-system/schemas/questions/define-question.ts";
import { CliError, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import type { ServerSettings } from "../server/settings.ts";
import { askReader } from "./ask-reader.ts";
import { nearTypes } from "./near-types.ts";

type Parameters = Readonly<Record<string, string>>;

const hasFrame = async (host: Host, server: ServerSettings, parameters: Parameters): Promise<boolean> => {
  const asked = { query: "frames", parameters, limit: 1, explain: false };
  const taker = { begin: () => undefined, row: () => undefined, isDone: () => false };
  const summary = await askReader(host, server, asked, taker);
  return summary?.rows !== 0n;
};

/**
 * Throws `CliError` for an event type that is neither ours nor of any frame of the namespace: whoever records may name types of
 * their own. Rejects with `GrpcFailure`.
 */
export const refuseUnknownTypes = async (
  host: Host,
  server: ServerSettings,
  { types = "" }: Parameters,
  command: string,
): Promise<void> => {
  const others = types.split(/[\s,]+/u).filter((type) => type !== "" && !isFrameType(type));
  for (const type of others) {
    if (await hasFrame(host, server, { types: type })) continue;
    const what = `--types ${type.slice(0, 80)}: no frame of namespace ${server.namespace} is of that type`;
    throw new CliError(`enchanted ${command}: ${printable(what)}; known are ${nearTypes(type).join(", ")}`);
  }
};

/** Tells that frames which an answer leaves out are there. */
export const warnOfLeftOut = async (
  host: Host,
  server: ServerSettings,
  given: Parameters,
  { type, what }: LeftOut,
): Promise<void> => {
  const asked = ["mission", "agent", "from", "to"].flatMap((name) => (given[name] ? [[name, given[name]]] : []));
  if (await hasFrame(host, server, { ...(Object.fromEntries(asked) as Parameters), types: type }))
    host.warn(`enchanted: left out are ${what} (${type}); see: enchanted ask frames --types ${type}`);
};

/** Tells which mission or agent that was asked for no frame is of; answers whether there was one to tell. */
export const warnOfAbsent = async (host: Host, server: ServerSettings, given: Parameters): Promise<boolean> => {
  let told = false;
  try {
    for (const name of ["mission", "agent"]) {
      const value = given[name] ?? "";
      if (value === "" || (await hasFrame(host, server, { [name]: value }))) continue;
      host.warn(`enchanted: no frame of ${name} ${printable(value)} in namespace ${server.namespace}`);
      told = true;
    }
  } catch (error) {
    // The answer itself is there; another store than the one that gave it may be away.
    if (!(error instanceof GrpcFailure)) throw error;
  }
  return told;
};
