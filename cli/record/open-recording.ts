import { join, resolve } from "node:path";
import { RedactionRuleError } from "#nervous-system/recorder/redact-own-rules.ts";
import { createRedactor, type Redactor } from "#nervous-system/recorder/redact.ts";
import { secretValuesOf, type SecretValue } from "#nervous-system/recorder/secret-values.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import { countOption, textOption, textsOption, type OptionValues } from "../arguments.ts";
import { CliError, type Host } from "../host.ts";
import { identityOf } from "../outbox/outbox.ts";
import { openSending, type Sending } from "../outbox/sending.ts";
import { stateOf } from "../own-places.ts";
import { joinRuns, type Membership } from "../runs/join-runs.ts";
import { readServer } from "../server/settings.ts";
import { openRecord, type OpenRecord } from "./open-record.ts";

/** Reads the rules of redaction; undefined when nothing is to be redacted. Throws `CliError` for a rule that cannot be used. */
export const readRedactor = (
  host: Host,
  options: OptionValues,
  secrets: readonly SecretValue[] = [],
): Redactor | undefined => {
  const patterns = textsOption(options, "redact");
  const isOff = options["no-redact"] === true;
  if (isOff && patterns.length > 0) throw new CliError("enchanted: --redact and --no-redact: give one of them");
  if (isOff) return undefined;
  try {
    return createRedactor(
      patterns.map((pattern, at) => ({ name: `rule-${at + 1}`, pattern })),
      [...secretValuesOf(host.env), ...secrets],
    );
  } catch (error) {
    if (!(error instanceof RedactionRuleError)) throw error;
    throw new CliError(`enchanted: --redact: ${error.message}`);
  }
};

/** A record, and its way to the collector when there is one. */
export type OpenRecording = {
  record: OpenRecord;
  /** The other runs of this user, which whoever closes the recording leaves. */
  runs: Membership;
  sending: Sending | undefined;
  /** Ends both; answers what is to be told of frames that are missing somewhere. */
  close(): Promise<string[]>;
};

/** The most that `--drain` may say. */
export const MAX_DRAIN_MS = 3_600_000;

/** Whose record it is, which directories it may have for itself, and what must not stand in it beside the secrets of the environment. */
type Recorder = { agentId: string; directories?: readonly string[]; secrets?: readonly SecretValue[] };

/** Reads the options and opens what they name; throws `CliError` before anything is written when they cannot work. */
export const openRecording = async (
  host: Host,
  options: OptionValues,
  { agentId, directories = [], secrets = [] }: Recorder,
): Promise<OpenRecording> => {
  const server = readServer(host, options);
  const redactor = readRedactor(host, options, secrets);
  const drainMs = countOption(options, "drain", MAX_DRAIN_MS);
  const identity = identityOf({
    agent_uid: host.ids.next(),
    agent_id: agentId.slice(0, 128),
    namespace: server?.namespace ?? "local",
  });
  const path = resolve(host.cwd, textOption(options, "file"));
  const where = { runs: join(stateOf(host.env), "runs"), processes: createNodeProcesses() };
  const runs = await joinRuns(where, { agent_uid: identity.agent_uid, cwd: host.cwd, record: path, directories });
  let sending: Sending | undefined;
  const openOutgoing = async (): Promise<Sending["log"] | undefined> => {
    sending = server && (await openSending(host, server, identity));
    return sending?.log;
  };
  try {
    const record = await openRecord(host, { path, identity, redactor, openOutgoing });
    return {
      record,
      runs,
      sending,
      close: async () => {
        const told = [await record.close(), await sending?.finish(drainMs)];
        return told.filter((line) => line !== undefined);
      },
    };
  } catch (error) {
    await runs.leave();
    throw error;
  }
};
