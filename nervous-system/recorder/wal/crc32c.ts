// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), slicing-by-8: eight table look-ups for eight bytes.
// Node's zlib.crc32 is the other polynomial; docs/adr/0003-wal.md says why this one was kept.
const POLYNOMIAL = 0x82f63b78;

const divide = (byte: number): number => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
};

const buildTables = (): Int32Array => {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = divide(byte);
    for (let slice = 0; slice < 8; slice += 1) {
      tables[slice * 256 + byte] = crc;
      crc = divide(crc & 0xff) ^ (crc >>> 8);
    }
  }
  return tables;
};

const T = buildTables();
const at = (slice: number, byte: number): number => T[slice * 256 + byte] as number;

/** CRC-32C of `data[start, end)` as an unsigned 32-bit number; `seed` is the CRC of what came before (or a salt). */
export const crc32c = (data: Uint8Array, start = 0, end = data.length, seed = 0): number => {
  const b = data as unknown as { [index: number]: number };
  const byteAt = (i: number): number => b[i] as number;
  let crc = ~seed;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    const low = crc ^ (byteAt(i) | (byteAt(i + 1) << 8) | (byteAt(i + 2) << 16) | (byteAt(i + 3) << 24));
    crc =
      at(7, low & 255) ^
      at(6, (low >>> 8) & 255) ^
      at(5, (low >>> 16) & 255) ^
      at(4, low >>> 24) ^
      at(3, byteAt(i + 4)) ^
      at(2, byteAt(i + 5)) ^
      at(1, byteAt(i + 6)) ^
      at(0, byteAt(i + 7));
  }
  for (; i < end; i += 1) crc = at(0, (crc ^ byteAt(i)) & 255) ^ (crc >>> 8);
  return ~crc >>> 0;
};
