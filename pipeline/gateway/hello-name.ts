/** Bytes of a TLS message, read from their beginning; throws `RangeError` where they end too early. */
class Part {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get rest(): number {
    return this.bytes.length - this.at;
  }

  take(length: number): Buffer {
    if (length > this.rest) throw new RangeError("it ends too early");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  number(width: 1 | 2): number {
    return this.take(width).readUIntBE(0, width);
  }

  /** What stands behind its own length. */
  part(width: 1 | 2): Part {
    return new Part(this.take(this.number(width)));
  }
}

const must = (holds: boolean, why: string): void => {
  if (!holds) throw new RangeError(why);
};

const SERVER_NAME = 0;
const HOST_NAME = 0;

// RFC 6066, 3: a list of which servers take one entry each, not all of them the same; so it must hold one.
const serverNameOf = (extension: Part): string => {
  const names = extension.part(2);
  must(extension.rest === 0 && names.number(1) === HOST_NAME, "its list of names is not one host name");
  const name = names.part(2);
  must(names.rest === 0 && name.rest > 0, "its list of names is not one host name");
  return name.take(name.rest).toString("latin1");
};

const nameAmong = (extensions: Part): string | undefined => {
  const seen = new Set<number>();
  let name: string | undefined;
  while (extensions.rest > 0) {
    const type = extensions.number(2);
    // A second one may be the one that the server reads.
    must(!seen.has(type), `it has extension ${type} twice`);
    seen.add(type);
    const extension = extensions.part(2);
    if (type === SERVER_NAME) name = serverNameOf(extension);
  }
  return name;
};

/**
 * The host that a ClientHello names (RFC 8446, 4.1.2, without its four leading bytes), undefined where it names none. Of one with
 * ECH it is the outer name. Throws `RangeError`, whose message says what is wrong, for bytes that are no ClientHello.
 */
export const helloName = (body: Buffer): string | undefined => {
  const hello = new Part(body);
  must(hello.number(2) >> 8 === 3, "its version is none of TLS");
  hello.take(32);
  must(hello.part(1).rest <= 32, "its session id is too long");
  const suites = hello.part(2).rest;
  must(suites > 0 && suites % 2 === 0, "it offers no cipher suite");
  must(hello.part(1).rest > 0, "it offers no compression method");
  if (hello.rest === 0) return undefined;
  const extensions = hello.part(2);
  must(hello.rest === 0, "something follows its extensions");
  return nameAmong(extensions);
};
