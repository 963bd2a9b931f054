import type { Option } from "./arguments.ts";

/** The file that is read or written. */
export const fileOption: Option = {
  name: "file",
  type: "string",
  value: "path",
  description: "the file of context frames",
  default: "swarm_context.jsonl",
};

/** How results are printed. */
export const outputOption: Option = {
  name: "output",
  type: "string",
  value: "format",
  description: "how to print: text for people, json for programs",
  default: "text",
  choices: ["text", "json"],
};

/** The options of every command that talks to a collector. */
export const serverOptions: readonly Option[] = [
  {
    name: "collector",
    type: "string",
    value: "host:port",
    description: "the collector that the frames are sent to",
    variable: "ENCHANTED_COLLECTOR",
  },
  {
    name: "namespace",
    type: "string",
    value: "name",
    description: "the namespace to record in",
    variable: "ENCHANTED_NAMESPACE",
  },
  {
    name: "token-file",
    type: "string",
    value: "path",
    description: "file with a token of audience enchanted-collector, read anew on each call",
    variable: "ENCHANTED_TOKEN_FILE, else the token itself in ENCHANTED_TOKEN",
  },
  {
    name: "ca-file",
    type: "string",
    value: "path",
    description: "file with the CA of the collector's certificate, else the CAs of this machine",
    variable: "ENCHANTED_CA_FILE",
  },
  {
    name: "server-name",
    type: "string",
    value: "name",
    description: "name in the collector's certificate, where it is not the host, as behind a port-forward",
    variable: "ENCHANTED_SERVER_NAME",
  },
];

const redactionOptions: readonly Option[] = [
  {
    name: "redact",
    type: "string",
    value: "regexp",
    multiple: true,
    description: "also keep out of the record what this RE2 pattern matches, or its first group",
  },
  { name: "no-redact", type: "boolean", description: "record secrets as they come" },
];

/** The options of every command that records, behind `--file`. */
export const recordingOptions: readonly Option[] = [
  ...serverOptions,
  {
    name: "drain",
    type: "string",
    value: "ms",
    description: "how long to wait at the end until the collector has every frame",
    default: "5000",
  },
  ...redactionOptions,
];
