import { connect } from "node:tls";
import { Duplex } from "node:stream";

/** A number of `width` bytes. */
const number = (width: number, value: number): Buffer => {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
};

/** Bytes behind their length. */
export const withLength = (width: number, ...parts: readonly Buffer[]): Buffer => {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([number(width, bytes.length), bytes]);
};

/** An extension of a ClientHello. */
export const extension = (type: number, data: Buffer): Buffer => Buffer.concat([number(2, type), withLength(2, data)]);

/** The extension that names hosts. */
export const serverNames = (...names: readonly string[]): Buffer =>
  extension(
    0,
    withLength(2, ...names.map((name) => Buffer.concat([Buffer.of(0), withLength(2, Buffer.from(name, "latin1"))]))),
  );

/** A GREASE extension (RFC 8701): one that no server knows. */
export const grease = extension(0x3a3a, Buffer.of(0));

/** The extension of ECH, as its outer hello has it. */
export const encryptedHello = extension(0xfe0d, Buffer.alloc(200, 7));

/** The handshake message of a ClientHello, without records. */
export const helloMessage = (...extensions: readonly Buffer[]): Buffer => {
  const fixed = [Buffer.of(3, 3), Buffer.alloc(32, 9), withLength(1, Buffer.alloc(32, 5))];
  const suites = withLength(2, Buffer.of(0x0a, 0x0a, 0x13, 0x01, 0x13, 0x02));
  const body = Buffer.concat([...fixed, suites, withLength(1, Buffer.of(0)), withLength(2, ...extensions)]);
  return Buffer.concat([Buffer.of(1), withLength(3, body)]);
};

/** A message in records of the given sizes, the rest in one more. */
export const inRecords = (message: Buffer, sizes: readonly number[] = []): Buffer => {
  const records: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes, message.length]) {
    const payload = message.subarray(at, at + size);
    if (payload.length > 0) records.push(Buffer.concat([Buffer.of(22, 3, 1), withLength(2, payload)]));
    at += payload.length;
  }
  return Buffer.concat(records);
};

/** A ClientHello for a host in one record, as small as they are. */
export const helloFor = (host: string): Buffer => inRecords(helloMessage(serverNames(host)));

/** The first bytes of a server's answer to a hello: an alert. */
export const serverAlert = Buffer.from([21, 3, 3, 0, 2, 2, 40]);

/** The hello that this machine's TLS writes. */
export const ownHello = (servername: string | undefined): Promise<Buffer> =>
  new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (bytes: Buffer, _encoding, done) => {
        done();
        resolve(bytes);
        wire.destroy();
      },
    });
    const client = connect({ socket: wire, ...(servername === undefined ? {} : { servername }) });
    client.on("error", () => undefined);
  });
