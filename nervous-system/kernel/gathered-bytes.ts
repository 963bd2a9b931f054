import { Buffer } from "node:buffer";

/** Bytes that come in pieces of any size and are wanted whole. */
export type GatheredBytes = {
  readonly size: number;
  add(piece: Uint8Array): void;
  /** Everything added so far, which is then no longer held. */
  take(): Buffer;
};

const LEAST_BLOCK = 1024;
const LARGEST_BLOCK = 64 * 1024;

/** Copies small pieces into blocks: each piece kept by itself would cost a hundred bytes, and a sender may send single ones. */
class Blocks implements GatheredBytes {
  size = 0;
  private blocks: Uint8Array[] = [];
  private room: Buffer = Buffer.alloc(0);
  private filled = 0;

  add(piece: Uint8Array): void {
    this.size += piece.length;
    const fits = Math.min(piece.length, this.room.length - this.filled);
    this.room.set(piece.subarray(0, fits), this.filled);
    this.filled += fits;
    if (fits < piece.length) this.open(piece.subarray(fits));
  }

  take(): Buffer {
    const whole = Buffer.concat([...this.blocks, this.room.subarray(0, this.filled)]);
    [this.size, this.blocks, this.room, this.filled] = [0, [], Buffer.alloc(0), 0];
    return whole;
  }

  /** The block is full; the next is as large as all before it, within bounds, so that no more than half is ever empty. */
  private open(rest: Uint8Array): void {
    if (this.filled > 0) this.blocks.push(this.room);
    [this.room, this.filled] = [Buffer.alloc(0), 0];
    if (rest.length >= LARGEST_BLOCK) return void this.blocks.push(rest);
    const bytes = Math.max(rest.length, LEAST_BLOCK, Math.min(this.size, LARGEST_BLOCK));
    this.room = Buffer.allocUnsafeSlow(bytes);
    this.room.set(rest);
    this.filled = rest.length;
  }
}

/** Creates an empty gathering. */
export const gatherBytes = (): GatheredBytes => new Blocks();
