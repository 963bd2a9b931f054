import { createGunzip, createInflate } from "node:zlib";
import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { GrpcFailure, grpcStatus, renderStatus } from "./failure.ts";
import { innermostOf } from "./pieces.ts";

/** Takes room for bytes as they unfold, or answers what the call is refused with. */
type TakeUnfolded = (bytes: number) => GrpcFailure | undefined;

const PREFIX_BYTES = 5;
const CHUNK_BYTES = 64 * 1024;
const unpackers: Readonly<Record<string, (options: { chunkSize: number }) => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  deflate: createInflate,
};

/** What a stream unpacks to; rejects with the `GrpcFailure` that `take` answers, or with one of its own. */
const gather = async (unpacking: NodeJS.ReadWriteStream, take: TakeUnfolded): Promise<Buffer> => {
  const parts: Buffer[] = [];
  try {
    for await (const part of unpacking as AsyncIterable<Buffer>) {
      const refusal = take(part.length);
      if (refusal !== undefined) throw refusal;
      parts.push(part);
    }
  } catch (error) {
    const failure =
      error instanceof GrpcFailure ? error : new GrpcFailure(grpcStatus.internal, "the message could not be unpacked");
    // grpc-js takes a status for an error here.
    throw Object.assign(failure, renderStatus(failure));
  }
  return Buffer.concat(parts);
};

type Unpacking = { decompressMessage?(message: Buffer, encoding: string): Buffer | Promise<Buffer> };

/**
 * Has the messages of a call, which an interceptor has in its hands, counted while they unfold: `begin` is called for each, in
 * their order. By itself grpc-js unpacks a message as soon as it is there, up to the largest size, before anybody hears of it,
 * so that a few bytes would have to count as so many while they come.
 */
export const unfoldMessages = (call: object, maxBytes: number, begin: () => TakeUnfolded): void => {
  const innermost: Unpacking = innermostOf(call);
  const plain = innermost.decompressMessage?.bind(innermost);
  // A private part like the one that ADR 0010 speaks of.
  if (plain === undefined) throw new Error("grpc-js unpacks elsewhere");
  innermost.decompressMessage = (message, encoding) => {
    const take = begin();
    const unpacking = ownOf(unpackers, encoding)?.({ chunkSize: CHUNK_BYTES });
    // It is not packed, or nobody knows how.
    if (unpacking === undefined) return plain(message, encoding);
    unpacking.end(message.subarray(PREFIX_BYTES));
    let left = maxBytes;
    return gather(unpacking, (bytes) => {
      left -= bytes;
      if (left >= 0) return take(bytes);
      return new GrpcFailure(grpcStatus.resourceExhausted, `a message unfolds to more than ${maxBytes} bytes`);
    });
  };
};
