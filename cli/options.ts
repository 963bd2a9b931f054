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

type ServiceWords = {
  readonly name: string;
  readonly what: string;
  readonly namespace: string;
  readonly variable: string;
};

const serviceOptions = ({ name, what, namespace, variable }: ServiceWords): readonly Option[] => [
  { name, type: "string", value: "host:port", description: what, variable },
  { name: "namespace", type: "string", value: "name", description: namespace, variable: "ENCHANTED_NAMESPACE" },
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
    description: `file with the CA of the ${name}'s certificate, else the CAs of this machine`,
    variable: "ENCHANTED_CA_FILE",
  },
  {
    name: "server-name",
    type: "string",
    value: "name",
    description: `name in the ${name}'s certificate, where it is not the host, as behind a port-forward`,
    variable: name === "reader" ? "ENCHANTED_READER_SERVER_NAME" : "ENCHANTED_SERVER_NAME",
  },
];

/** The options of every command that talks to a collector. */
export const serverOptions = serviceOptions({
  name: "collector",
  what: "the collector that the frames are sent to",
  namespace: "the namespace to record in",
  variable: "ENCHANTED_COLLECTOR",
});

/** The options of every command that asks a reader. */
export const readerOptions = serviceOptions({
  name: "reader",
  what: "the reader that answers",
  namespace: "the namespace whose record is asked",
  variable: "ENCHANTED_READER",
});

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
