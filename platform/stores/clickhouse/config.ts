import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { Users } from "./authenticate.ts";
import type { TlsIdentity } from "./server.ts";

/** Environment of the server. The first three names are those of the official image. */
export const configSchema = z.object({
  CLICKHOUSE_USER: z.string().min(1).default("default").describe("name of the user that may do everything"),
  CLICKHOUSE_PASSWORD: z.string().min(1).optional().describe("password of CLICKHOUSE_USER; or give CLICKHOUSE_USERS"),
  CLICKHOUSE_DB: z.string().min(1).optional().describe("database to create at the start"),
  CLICKHOUSE_USERS: z
    .string()
    .optional()
    .describe('further users as JSON: {"name": {"password": "…", "readonly": true}}'),
  CLICKHOUSE_READER_PASSWORD: z
    .string()
    .min(1)
    .optional()
    .describe("password of user enchanted_reader, who may only read; without it there is none"),
  CLICKHOUSE_DATA_DIR: z.string().min(1).default("/var/lib/clickhouse").describe("directory for the data"),
  CLICKHOUSE_LISTEN_HOST: z.string().min(1).default("127.0.0.1").describe("address to listen on"),
  CLICKHOUSE_LISTEN_PORT: z.coerce.number().int().min(0).max(65_535).default(8123).describe("port, 0 for any free one"),
  CLICKHOUSE_TLS_CERT_FILE: z.string().optional().describe("PEM file with a certificate chain: HTTPS instead of HTTP"),
  CLICKHOUSE_TLS_KEY_FILE: z.string().optional().describe("PEM file with its key"),
  CLICKHOUSE_MAX_MEMORY_BYTES: z.coerce
    .number()
    .int()
    .min(256 * 1024 * 1024)
    .default(1024 * 1024 * 1024)
    .describe("memory of all queries together, in bytes, at least 256 MiB"),
});

const usersSchema = z.record(
  z.string().min(1),
  z.object({ password: z.string().min(1), readonly: z.boolean().optional() }),
);

/** Certificate and key to serve HTTPS by, PEM; undefined for HTTP. Throws where one has no file, or one of the two is missing. */
export const tlsOf = async (config: z.output<typeof configSchema>): Promise<TlsIdentity | undefined> => {
  const { CLICKHOUSE_TLS_CERT_FILE: certFile, CLICKHOUSE_TLS_KEY_FILE: keyFile } = config;
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new Error("set CLICKHOUSE_TLS_CERT_FILE and CLICKHOUSE_TLS_KEY_FILE, or neither");
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key };
};

/** Everybody who may ask; throws when nobody could, because no request is served without credentials. */
export const usersOf = (config: z.output<typeof configSchema>): Users => {
  const further = usersSchema.parse(JSON.parse(config.CLICKHOUSE_USERS ?? "{}"));
  const { CLICKHOUSE_USER: name, CLICKHOUSE_PASSWORD: password, CLICKHOUSE_READER_PASSWORD: reading } = config;
  const users = {
    ...further,
    ...(reading === undefined ? {} : { enchanted_reader: { password: reading, readonly: true } }),
    ...(password === undefined ? {} : { [name]: { password } }),
  };
  if (Object.keys(users).length > 0) return users;
  throw new Error("no user could log in: set CLICKHOUSE_PASSWORD, or CLICKHOUSE_USERS");
};
