import { rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { decoded } from "./compression.ts";
import { ClickHouseException } from "./exception.ts";
import { parseMultipart } from "./multipart.ts";
import { readAsked, spool } from "./request-body.ts";
import type { QueryRequest } from "./request.ts";
import { parseStatement, type Statement } from "./statement.ts";

/** A request read to its end: what to run, with the parameters of its body. */
export type Prepared = { readonly request: QueryRequest; readonly statement: Statement };

const refuseUnserved = ({ nativeCompression, roles }: QueryRequest): void => {
  if (nativeCompression)
    throw new ClickHouseException(
      48,
      "NOT_IMPLEMENTED",
      "compress=1 and decompress=1 (ClickHouse block compression) are not served here: use Content-Encoding and enable_http_compression=1",
    );
  if (roles.length > 0)
    throw new ClickHouseException(511, "UNKNOWN_ROLE", `There is no role ${roles[0]}: this server has users only`);
};

// Names become part of statements that run before the user's own, so nothing but a name may be one.
const NAME = /^[A-Za-z_][A-Za-z0-9_.]*$/;

const refuseBadNames = ({ settings, params, defaultFormat }: QueryRequest): void => {
  const bad = [...Object.keys(settings), ...Object.keys(params)].find((name) => !NAME.test(name));
  if (bad !== undefined)
    throw new ClickHouseException(36, "BAD_ARGUMENTS", `${JSON.stringify(bad)} is no name of a setting or parameter`);
  if (!NAME.test(defaultFormat))
    throw new ClickHouseException(73, "UNKNOWN_FORMAT", `Unknown format ${JSON.stringify(defaultFormat)}`);
};

const withFields = (request: QueryRequest, fields: readonly (readonly [string, string])[]): QueryRequest => {
  const params = fields.filter(([name]) => name.startsWith("param_"));
  const query = fields.find(([name]) => name === "query")?.[1] ?? "";
  return {
    ...request,
    query: request.query + query,
    params: { ...request.params, ...Object.fromEntries(params.map(([name, value]) => [name.slice(6), value])) },
  };
};

// By SQL and not by the engine's setting alone, because a session could not be made writable again.
const READS = /^\s*(?:SHOW|EXPLAIN|SET|USE)\b/i;

const refuseWrites = ({ request, statement }: Prepared): void => {
  if (request.settings["readonly"] === undefined || request.session === undefined) return;
  if (statement.kind === "command" && !READS.test(statement.sql))
    throw new ClickHouseException(164, "READONLY", "Cannot execute query in readonly mode: send it by POST");
};

/**
 * Reads a request's body. The data of an INSERT goes to the file `spoolPath`, which is whole when this answers: a
 * client that breaks off has inserted nothing. Throws SYNTAX_ERROR, READONLY and others that need no engine.
 */
export const prepareStatement = async (
  message: IncomingMessage,
  asked: QueryRequest,
  spoolPath: string,
): Promise<Prepared> => {
  refuseUnserved(asked);
  const body = decoded(message, message.headers["content-encoding"]);
  const type = message.headers["content-type"] ?? "";
  const multipart = /^multipart\/form-data/i.test(type);
  const request = multipart ? withFields(asked, parseMultipart(type, await buffer(body))) : asked;
  refuseBadNames(request);
  const read = await readAsked(request.query, body);
  if (read.kind === "insert") await spool(read.data, spoolPath);
  const statement: Statement =
    read.kind === "statement"
      ? parseStatement(read.sql)
      : { kind: "command", sql: read.insert.sqlFor(spoolPath), insert: true };
  const prepared = { request, statement };
  refuseWrites(prepared);
  return prepared;
};

/** Removes what `prepareStatement` has spooled. */
export const removeSpool = (spoolPath: string): Promise<void> => rm(spoolPath, { force: true });
