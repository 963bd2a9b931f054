import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { bareHost, parseEndpoint, type Endpoint } from "#nervous-system/kernel/endpoint.ts";
import { casOfNode } from "#nervous-system/kernel/trusted-cas.ts";
import { isBearerToken, tokenFrom } from "#nervous-system/recorder/token-file.ts";
import { textOption, type OptionValues } from "../arguments.ts";
import { CliError, type Host } from "../host.ts";

/** A service of the swarm that people's programs call. */
export type Service = {
  readonly name: "collector" | "reader";
  /** Environment variable with its `host:port`. */
  readonly variable: string;
  /** Environment variable with the name in its certificate, where that is not the host. */
  readonly nameVariable: string;
  readonly port: number;
};

/** Where frames go. */
export const collectorService: Service = {
  name: "collector",
  variable: "ENCHANTED_COLLECTOR",
  nameVariable: "ENCHANTED_SERVER_NAME",
  port: 4317,
};

/** Where questions go. */
export const readerService: Service = {
  name: "reader",
  variable: "ENCHANTED_READER",
  nameVariable: "ENCHANTED_READER_SERVER_NAME",
  port: 4319,
};

/** The service that is called, and who calls. */
export type ServerSettings = {
  service: Service;
  /** `host:port`. */
  address: string;
  host: string;
  port: number;
  /** Certificates that the service's must come from, PEM. */
  caPem: string;
  /** Name that its certificate must carry, when it is not the host. */
  serverName?: string;
  /** Whose record is written or asked. */
  namespace: string;
  /** The file that the token is read from anew on each call; undefined when it came in the environment. */
  tokenFile: string | undefined;
  token(): Promise<string>;
};

/** How to get a token. */
export const tokenCommand = (namespace: string, file = "token"): string =>
  `kubectl create token default --namespace ${namespace} --audience enchanted-collector > ${file}`;

const failed = (message: string): CliError => new CliError(`enchanted: ${message}`);

/** `host:port`; an IPv6 address stands in brackets. */
const split = (address: string, { name, port }: Service): Endpoint => {
  const endpoint = parseEndpoint(address);
  if (endpoint === undefined) throw failed(`--${name} ${address}: give host:port, such as localhost:${port}`);
  return { host: bareHost(endpoint.host), port: endpoint.port };
};

const readText = (path: string, what: string, remedyFor: (code: string) => string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw failed(`${what} ${path} cannot be read (${code}); ${remedyFor(code)}`);
  }
};

const readCa = (path: string): string => {
  const remedy =
    "write it with: kubectl get configmap enchanted-ca --namespace enchanted-system -o jsonpath='{.data.ca\\.crt}'";
  const pem = readText(path, "the CA file", () => remedy);
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    throw failed(`the CA file ${path} holds no certificate in PEM; ${remedy}`);
  return pem;
};

type Token = Pick<ServerSettings, "token" | "tokenFile">;

type Given = (name: string, variable: string) => string;

const tokenOf = (given: Given, host: Host, namespace: string, service: Service): Token => {
  const file = given("token-file", "ENCHANTED_TOKEN_FILE");
  const own = host.env["ENCHANTED_TOKEN"]?.trim() ?? "";
  if (file === "" && own !== "") return { tokenFile: undefined, token: () => Promise.resolve(own) };
  if (file === "")
    throw failed(
      `the ${service.name} wants a token; make one and name it with --token-file: ${tokenCommand(namespace)}`,
    );
  const tokenFile = resolve(host.cwd, file);
  // What is there and is no token may be somebody's: no command of ours writes over it.
  const another = `name another file with --token-file: ${tokenCommand(namespace, "enchanted-token")}`;
  const remedyFor = (code: string): string => (code === "ENOENT" ? tokenCommand(namespace, file) : another);
  const held = readText(tokenFile, "the token file", remedyFor).trim();
  if (held === "") throw failed(`the token file ${tokenFile} is empty; ${tokenCommand(namespace, file)}`);
  if (!isBearerToken(held)) throw failed(`the token file ${tokenFile} holds something else than one token; ${another}`);
  return { tokenFile, token: tokenFrom(tokenFile) };
};

/** Reads where a service is from options and environment; undefined without one. Throws `CliError` for what can never work. */
export const readServer = (
  host: Host,
  options: OptionValues,
  service: Service = collectorService,
): ServerSettings | undefined => {
  const given: Given = (name, variable) => textOption(options, name) || (host.env[variable] ?? "");
  const address = given(service.name, service.variable);
  if (address === "") return undefined;
  const place = split(address, service);
  const namespace = given("namespace", "ENCHANTED_NAMESPACE");
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace))
    throw failed(
      namespace === ""
        ? `the ${service.name} knows records by namespace; say which with --namespace`
        : `--namespace ${namespace}: this is no name of a namespace`,
    );
  const caFile = given("ca-file", "ENCHANTED_CA_FILE");
  const serverName = given("server-name", service.nameVariable);
  return {
    service,
    address,
    ...place,
    namespace,
    caPem: caFile === "" ? casOfNode(host.env).join("\n") : readCa(resolve(host.cwd, caFile)),
    ...(serverName === "" ? {} : { serverName }),
    ...tokenOf(given, host, namespace, service),
  };
};
