import { countOption, textOption, type OptionValues } from "../arguments.ts";
import type { Host } from "../host.ts";
import { identityOf } from "../outbox/outbox.ts";
import { openSending, type Sending } from "../outbox/sending.ts";
import { readServer } from "../server/settings.ts";
import { openRecord, type OpenRecord } from "./open-record.ts";
import { readRedactor } from "./redaction.ts";

/** A record, and its way to the collector when there is one. */
export type Recording = {
  record: OpenRecord;
  sending: Sending | undefined;
  /** Ends both; answers what is to be told of frames that are missing somewhere. */
  close(): Promise<string[]>;
};

const MAX_DRAIN_MS = 3_600_000;

/** Reads the options and opens what they name; throws `CliError` before anything is written when they cannot work. */
export const openRecording = async (host: Host, options: OptionValues, agentId: string): Promise<Recording> => {
  const server = readServer(host, options);
  const redactor = readRedactor(options);
  const drainMs = countOption(options, "drain", MAX_DRAIN_MS);
  const identity = identityOf({
    agent_uid: host.ids.next(),
    agent_id: agentId.slice(0, 128),
    namespace: server?.namespace ?? "local",
  });
  let sending: Sending | undefined;
  const record = await openRecord(host, {
    file: textOption(options, "file"),
    identity,
    redactor,
    openOutgoing: async () => {
      sending = server && (await openSending(host, server, identity));
      return sending?.log;
    },
  });
  return {
    record,
    sending,
    close: async () => {
      const told = [await record.close(), await sending?.finish(drainMs)];
      return told.filter((line) => line !== undefined);
    },
  };
};
