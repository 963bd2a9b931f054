import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { ClickHouseException } from "./exception.ts";

/** Who may ask, by name. */
export type Users = Readonly<Record<string, { readonly password: string; readonly readonly?: boolean | undefined }>>;

type Credentials = { readonly user: string; readonly password: string };

const fromBasic = (authorization: string): Credentials | undefined => {
  const [, encoded] = /^Basic\s+(\S+)$/i.exec(authorization) ?? [];
  if (encoded === undefined) return undefined;
  const [user = "", ...rest] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  return { user, password: rest.join(":") };
};

/** The credentials of a request, from Basic, X-ClickHouse-User and -Key, or the URL; undefined when there are none. */
export const credentialsOf = (headers: IncomingHttpHeaders, url: URLSearchParams): Credentials | undefined => {
  const user = headers["x-clickhouse-user"];
  const key = headers["x-clickhouse-key"];
  if (user !== undefined || key !== undefined) return { user: String(user ?? "default"), password: String(key ?? "") };
  if (headers.authorization !== undefined) return fromBasic(headers.authorization);
  if (!url.has("user") && !url.has("password")) return undefined;
  return { user: url.get("user") ?? "default", password: url.get("password") ?? "" };
};

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The name of the user whose password these are; throws AUTHENTICATION_FAILED (516) in the same words for every mismatch. */
export const authenticate = (users: Users, credentials: Credentials | undefined): string => {
  const { user = "default", password = "" } = credentials ?? {};
  const known = Object.hasOwn(users, user) ? users[user] : undefined;
  const right = timingSafeEqual(digest(password), digest(known?.password ?? ""));
  if (known !== undefined && right) return user;
  throw new ClickHouseException(
    516,
    "AUTHENTICATION_FAILED",
    `${user}: Authentication failed: password is incorrect, or there is no user with such name`,
  );
};
