/**
 * A segment file. Its place in the order (`generation`), its first index and its salt stand in its name,
 * where no flipped bit of its content can lose them. A segment ends where the next generation begins.
 */
export type SegmentName = { file: string; generation: number; first: number; salt: number };

const PATTERN = /^(\d{8})-(\d{16})-([0-9a-f]{8})\.wal$/;

/** The name of the segment `generation` that begins with index `first`. */
export const segmentName = (generation: number, first: number, salt: number): SegmentName => {
  const order = `${String(generation).padStart(8, "0")}-${String(first).padStart(16, "0")}`;
  return { file: `${order}-${salt.toString(16).padStart(8, "0")}.wal`, generation, first, salt };
};

/** The segments among `files`, oldest first. */
export const parseSegmentNames = (files: readonly string[]): SegmentName[] =>
  files
    .flatMap((file) => {
      const [, generation, first, salt] = PATTERN.exec(file) ?? [];
      if (generation === undefined || first === undefined || salt === undefined) return [];
      return [{ file, generation: Number(generation), first: Number(first), salt: Number.parseInt(salt, 16) }];
    })
    .toSorted((a, b) => a.generation - b.generation);
