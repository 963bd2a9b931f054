import type { IncomingMessage } from "node:http";
import { Transform, Writable, type Duplex, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import { watchSilence } from "#nervous-system/kernel/silence.ts";

/** A body that cannot be taken: too large, too slow, in an unknown encoding, or not what its encoding says. */
export class BodyRefused extends Error {
  override readonly name = "BodyRefused";
  /** HTTP status that says so. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What one body may take. */
export type BodyLimits = {
  /** Bytes as they arrive, and bytes after unpacking. */
  readonly maxBytes: number;
  /** Time until its last byte, and the longest silence before that, milliseconds. */
  readonly withinMs: number;
  readonly silenceMs: number;
  /** Takes room for bytes that are kept, or answers what the sender is refused with. */
  readonly take: (bytes: number) => Error | undefined;
  readonly clock: Pick<Clock, "after">;
};

const tooLarge = (maxBytes: number): BodyRefused => new BodyRefused(413, `the body is larger than ${maxBytes} bytes`);

const decoders: Readonly<Record<string, (() => Transform) | undefined>> = {
  "": undefined,
  identity: undefined,
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  // It would end with its first frame, and what lies behind that be lost without a word.
  zstd: () => createZstdDecompress({ rejectGarbageAfterEnd: true }),
};

const decoderOf = (request: IncomingMessage): Transform | undefined => {
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? "";
  if (Object.hasOwn(decoders, encoding)) return decoders[encoding]?.();
  throw new BodyRefused(
    415,
    `content-encoding "${encoding.slice(0, 40)}" is not known here; use gzip, deflate, br, zstd or none`,
  );
};

// What each stage holds at most beside what is counted, for each body that is under way.
const STAGE_BYTES = 16 * 1024;

/** What arrives is bounded too: gzip may go on for ever and unpack to nothing. */
const createMeter = (maxBytes: number, onChunk: () => void): Transform => {
  let size = 0;
  return new Transform({
    highWaterMark: STAGE_BYTES,
    transform: (chunk: Buffer, _encoding, done) => {
      onChunk();
      size += chunk.length;
      done(size > maxBytes ? tooLarge(maxBytes) : null, chunk);
    },
  });
};

/** Keeps what comes out of the decoder while there is room: a small body may unfold into a very large one. */
const createKeeper = ({ maxBytes, take }: BodyLimits) => {
  const gathered = gatherBytes();
  const keep = (chunk: Buffer): Error | null => {
    if (gathered.size + chunk.length > maxBytes) return tooLarge(maxBytes);
    const refusal = take(chunk.length);
    if (refusal !== undefined) return refusal;
    gathered.add(chunk);
    return null;
  };
  return {
    gathered,
    sink: new Writable({ highWaterMark: STAGE_BYTES, write: (chunk: Buffer, _encoding, done) => done(keep(chunk)) }),
  };
};

// As zlib, zstd and brotli (`ERR__ERROR_FORMAT_…`) call what they cannot unpack.
const undecodable = /^(Z_|ZSTD_|ERR__ERROR_|ERR_TRAILING_JUNK)/;

const refusalOf = (error: unknown): unknown => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return undecodable.test(code) ? new BodyRefused(400, `the body is not what its encoding says: ${message}`) : error;
};

/** Runs the request through the stages. Unlike `pipeline` it leaves the request alone when one of them fails. */
const flow = (request: IncomingMessage, stages: readonly Duplex[], sink: Writable): Promise<void> =>
  new Promise((resolve, reject) => {
    for (const stage of [request, ...stages, sink]) stage.once("error", reject);
    const endIfCut = (): void => {
      if (!request.complete) reject(new Error("the client ended its request"));
    };
    request.once("close", endIfCut);
    if (request.destroyed) endIfCut();
    sink.once("finish", resolve);
    let last: Readable = request;
    for (const stage of stages) last = last.pipe(stage);
    last.pipe(sink);
  });

/**
 * Reads a request's body, unpacked; rejects with `BodyRefused`, with what `take` answered, or with the connection's own error.
 * What was taken is not given back here. Whatever happens the request is not destroyed: a sender that is cut off without an
 * answer would send the same again.
 */
export const readBoundedBody = async (request: IncomingMessage, limits: BodyLimits): Promise<Buffer> => {
  const { maxBytes, withinMs, silenceMs, clock } = limits;
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const decoder = decoderOf(request);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(withinMs, () =>
    reject(new BodyRefused(408, `the body did not arrive within ${withinMs} ms`)),
  );
  const silence = watchSilence(clock, silenceMs, () =>
    reject(new BodyRefused(408, `no more of the body arrived for ${silenceMs} ms`)),
  );
  const stages = [createMeter(maxBytes, silence.heard), ...(decoder === undefined ? [] : [decoder])];
  const { gathered, sink } = createKeeper(limits);
  try {
    await Promise.race([flow(request, stages, sink), late]);
    return gathered.take();
  } catch (error) {
    request.unpipe();
    for (const stage of stages) stage.destroy();
    throw refusalOf(error);
  } finally {
    cancel();
    silence.stop();
  }
};
