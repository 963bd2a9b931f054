import type { Command } from "../arguments.ts";
import { readerOptions } from "../options.ts";

/** What `enchanted export` takes. */
export const exportCommand: Command = {
  name: "export",
  summary: "write frames of the swarm's record to a file",
  description: [
    "Reads frames from the reader, in the order of recording, by whose token may get missions/record in the namespace, and writes them to a file, which has its name only once it is whole, or to standard output. Without a filter it is the whole namespace; times are as with `enchanted ask`.",
    "jsonl is a record: a frame a line, with its proof, for `enchanted verify`, `enchanted tail` and `enchanted import`. An agent's whole chain verifies as it is; of the gateway's and other components' chains only what is about the mission is there, and of a part of time only that: verify these with --excerpt. Who sent an external client's frame, which no hash covers, is not in it.",
    "parquet has the columns of the archive, for DuckDB, pandas or ClickHouse.",
    "chat-jsonl is training data: a line for each call of a model and, of an attempt without any, for each decision. `messages` is what the model was shown, in its provider's words, read from the blob of the request, and `response` what it answered, where a collector is named (--collector) whose certificate ENCHANTED_SERVER_NAME names; else `messages_from` says frames: what the agent's own frames tell, the last 100 messages, of which nobody knows whether the model was shown them. `action` is what the agent did until its next step. `outcome` is how the mission ended (merged, verified, failed, cancelled, rolled back, unknown), and `outcome_from` which frame says so: it is the mission's, not the step's.",
  ],
  options: [
    {
      name: "format",
      type: "string",
      value: "format",
      description: "what to write",
      default: "jsonl",
      choices: ["jsonl", "parquet", "chat-jsonl"],
    },
    { name: "file", type: "string", value: "path", description: "the file to write, else standard output" },
    { name: "force", type: "boolean", description: "replace that file where it exists" },
    { name: "mission", type: "string", value: "name", description: "only of this mission" },
    {
      name: "agent",
      type: "string",
      value: "name",
      description: "only of this agent, by name or UID, and what others recorded about it",
    },
    { name: "types", type: "string", value: "types", description: "only these event types, separated by commas" },
    { name: "from", type: "string", value: "time", description: "only what was recorded at this time or later" },
    { name: "to", type: "string", value: "time", description: "only what was recorded before this time" },
    ...readerOptions,
    {
      name: "collector",
      type: "string",
      value: "host:port",
      description: "the collector that has the blobs of requests and answers, for chat-jsonl",
      variable: "ENCHANTED_COLLECTOR",
    },
  ],
  examples: [
    ["enchanted export --mission fix-login --file fix-login.jsonl", "a mission's record, to be verified anywhere"],
    [
      "enchanted export --format parquet --from 2026-11-01 --to 2026-12-01 --file november.parquet",
      "a month, for DuckDB",
    ],
    [
      "enchanted export --format chat-jsonl --mission fix-login | jq 'select(.outcome == \"merged\")'",
      "what led to a change that was merged",
    ],
  ],
  exitCodes: [
    ["0", "everything was written, and no fault was found in it"],
    [
      "1",
      "the reader refused or could not be asked, the file could not be written, a frame does not fit its hash, or no frame is of the mission or agent asked for",
    ],
    ["2", "the command line is wrong, or the file exists; the message says which"],
  ],
  load: async () => (await import("../export.ts")).exportRecord,
};
