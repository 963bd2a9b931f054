import type { Command } from "../arguments.ts";
import { outputOption, readerOptions } from "../options.ts";

/** What `enchanted erase` takes. */
export const eraseCommand: Command = {
  name: "erase",
  summary: "erase what a frame of the swarm's record says, for good",
  description: [
    "Tells which frame an event id belongs to, and with --yes orders that what it says is erased: from the ledger, the graph, the memory and the archive, with the blobs that no other frame names. Its stamps, its hash and its place stay, so that its chain verifies; the order itself is recorded, under your name and with your reason. Nobody can take it back.",
    "Needs the right to delete missions/record in the namespace, and to get it, as ClusterRole enchanted-erase has it. The stream and ClickHouse's old parts keep the words until they are trimmed and removed; backups of the bucket are yours to erase; where the archive is locked, a file with the words stays until its day, which you are told. Lessons that were learned from the frame, and the frames that recall them, are named, and erased by their own ids; a snapshot's conversation and files, and paths that a proposal names, stay.",
  ],
  operand: { name: "event-id" },
  options: [
    { name: "reason", type: "string", value: "text", description: "why, for those who find it erased" },
    { name: "yes", type: "boolean", description: "erase it; without, nothing is done but telling what would be" },
    { name: "agent", type: "string", value: "uid", description: "owner of the chain, where several agents use the id" },
    ...readerOptions,
    {
      name: "collector",
      type: "string",
      value: "host:port",
      description: "the collector that takes the order; ENCHANTED_SERVER_NAME names its certificate",
      variable: "ENCHANTED_COLLECTOR",
    },
    outputOption,
  ],
  examples: [
    ["enchanted erase 0199c3a2-5e1f-7cc1-9d24-7b8a8f6a0c12", "what that frame is, and what would go with it"],
    ["enchanted erase 0199c3a2-5e1f-7cc1-9d24-7b8a8f6a0c12 --reason 'a customer name' --yes", "erase it"],
  ],
  exitCodes: [
    ["0", "every frame is erased from the ledger, or without --yes was found"],
    ["1", "one is not there, or could not be erased; the message says why"],
    ["2", "the command line is wrong; the message says which part"],
  ],
  load: async () => (await import("../erase.ts")).erase,
};
