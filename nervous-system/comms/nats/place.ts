/** Most frames of a chunk. */
export const maxChunkFrames = 512;

/**
 * A frame's place in the swarm's one order, one number: sequence of its chunk in the stream times 512, plus its index in
 * the chunk. Exact up to 2^44 chunks.
 */
export const placeOf = (streamSeq: number, index: number): number => streamSeq * maxChunkFrames + index;

/** The stream sequence of the chunk that holds a place. */
export const chunkOf = (place: number): number => Math.floor(place / maxChunkFrames);
