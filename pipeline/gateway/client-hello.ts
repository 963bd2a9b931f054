import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import { helloName } from "#pipeline/gateway/hello-name.ts";

/** What a client begins with: a ClientHello, its host undefined where it names none; or something else, and what is wrong. */
export type Hello =
  | { readonly kind: "hello"; readonly name: string | undefined }
  | { readonly kind: "not_tls"; readonly why: string };

/** Reads a ClientHello as it comes in. */
export type HelloReader = {
  /** Reads the next bytes; answers once, with how many of these bytes belong to the hello, and undefined before. */
  take(bytes: Buffer): { readonly hello: Hello; readonly used: number } | undefined;
};

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;
const MAX_RECORD = 2 ** 14;
// Those with post-quantum keys, ECH and a ticket have 2 to 4 KiB.
const MAX_HELLO = 16 * 1024;
// A hello may come in many records, of which each costs five bytes more.
const MAX_BYTES = 20 * 1024;

const notTls = (why: string): Hello => ({ kind: "not_tls", why });

const readBody = (body: Buffer): Hello => {
  try {
    return { kind: "hello", name: helloName(body) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return notTls(`the ClientHello is malformed: ${error.message}`);
  }
};

// Judged byte for byte, so that a program that waits for its answer is told at its first one.
const headerProblem = (at: number, byte: number): string | undefined => {
  if (at === 0 && byte !== HANDSHAKE) return `the first bytes are no TLS handshake`;
  return at === 1 && byte !== 3 ? "the first bytes are no TLS handshake" : undefined;
};

/** One hello in records: each byte is looked at once, however many records and pieces it comes in. */
class Records implements HelloReader {
  private readonly header = Buffer.alloc(RECORD_HEADER);
  private headerBytes = 0;
  private readonly start = Buffer.alloc(MESSAGE_HEADER);
  private readonly message = gatherBytes();
  private leftOfRecord = 0;
  private bytes = 0;

  take(bytes: Buffer): { readonly hello: Hello; readonly used: number } | undefined {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + this.wanted());
      const hello = this.leftOfRecord === 0 ? this.takeHeader(piece) : this.takeMessage(piece);
      at += piece.length;
      this.bytes += piece.length;
      if (hello !== undefined) return { hello, used: at };
      if (this.bytes >= MAX_BYTES) return { hello: notTls(`the ClientHello has over ${MAX_BYTES} bytes`), used: at };
    }
    return undefined;
  }

  /** The most that may be read at once. */
  private wanted(): number {
    return this.leftOfRecord === 0 ? 1 : Math.min(this.leftOfRecord, MAX_BYTES - this.bytes);
  }

  private takeHeader([byte = 0]: Buffer): Hello | undefined {
    const problem = headerProblem(this.headerBytes, byte);
    if (problem !== undefined) return notTls(problem);
    this.header[this.headerBytes] = byte;
    this.headerBytes += 1;
    if (this.headerBytes < RECORD_HEADER) return undefined;
    this.headerBytes = 0;
    this.leftOfRecord = this.header.readUInt16BE(3);
    const fits = this.leftOfRecord > 0 && this.leftOfRecord <= MAX_RECORD;
    return fits ? undefined : notTls("a record has a length that none of TLS has");
  }

  private takeMessage(piece: Buffer): Hello | undefined {
    if (this.message.size < MESSAGE_HEADER) piece.copy(this.start, this.message.size);
    this.message.add(piece);
    this.leftOfRecord -= piece.length;
    if (this.start[0] !== CLIENT_HELLO) return notTls("the first message is no ClientHello");
    if (this.message.size < MESSAGE_HEADER) return undefined;
    const whole = MESSAGE_HEADER + this.start.readUIntBE(1, 3);
    if (whole > MAX_HELLO) return notTls(`the ClientHello has over ${MAX_HELLO} bytes`);
    if (this.message.size < whole) return undefined;
    // Another message in the same record: no client may say more before it was answered.
    if (this.message.size > whole || this.leftOfRecord > 0)
      return notTls("something follows in the ClientHello's record");
    return readBody(this.message.take().subarray(MESSAGE_HEADER));
  }
}

/** Creates a reader that has read nothing. */
export const createHelloReader = (): HelloReader => new Records();
