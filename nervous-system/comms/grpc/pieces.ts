import { StreamDecoder } from "@grpc/grpc-js/build/src/stream-decoder.js";

/** What grpc-js's decoder holds of a message that has not come whole. */
type Unfinished = { readPartialMessage: Buffer[] };

const MANY_PIECES = 512;
const BLOCK_BYTES = 64 * 1024;

/** The same bytes, the small pieces at their end in one. */
const joinSmall = (pieces: readonly Buffer[]): Buffer[] => {
  const large = pieces.findLastIndex(({ length }) => length >= BLOCK_BYTES) + 1;
  return [...pieces.slice(0, large), Buffer.concat(pieces.slice(large))];
};

const decode = StreamDecoder.prototype.write;

/**
 * Makes grpc-js join the pieces of a message while they come. By itself it keeps each DATA frame until the message is whole,
 * some hundred bytes for every frame of one byte: a few megabytes sent so would fill any process, before a token is read. Why this is a patch: docs/adr/0010-grpc-decoder.md.
 */
export const joinGrpcPieces = (): void => {
  StreamDecoder.prototype.write = function write(data: Buffer): Buffer[] {
    const messages = decode.call(this, data);
    const unfinished = this as unknown as Unfinished;
    if (unfinished.readPartialMessage.length >= MANY_PIECES)
      unfinished.readPartialMessage = joinSmall(unfinished.readPartialMessage);
    return messages;
  };
};
