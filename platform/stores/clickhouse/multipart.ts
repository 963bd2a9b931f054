import { ClickHouseException } from "./exception.ts";

const boundaryOf = (contentType: string): string | undefined => {
  const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType) ?? [];
  return quoted ?? plain;
};

const fieldOf = (part: string): [name: string, value: string] | undefined => {
  const split = part.indexOf("\r\n\r\n");
  const [, name] = /name="([^"]*)"/i.exec(part.slice(0, Math.max(split, 0))) ?? [];
  return name === undefined ? undefined : [name, Buffer.from(part.slice(split + 4), "latin1").toString("utf8")];
};

/** The fields of a multipart/form-data body, by which clients send long parameters; throws on a body without boundary. */
export const parseMultipart = (contentType: string, body: Buffer): readonly [name: string, value: string][] => {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined)
    throw new ClickHouseException(36, "BAD_ARGUMENTS", "multipart/form-data needs a boundary in its Content-Type");
  const text = `\r\n${body.toString("latin1")}`;
  const parts = text.split(`\r\n--${boundary}`).slice(1, -1);
  return parts.map((part) => fieldOf(part.slice(2))).filter((field) => field !== undefined);
};
