import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";

type Kind = "commit" | "tree" | "blob";

/** One object of a pack, and its id. */
export type PackEntry = { readonly bytes: Buffer; readonly id: Buffer };

const types = { commit: 1, tree: 2, blob: 3, delta: 7 } as const;

const sizeOf = (size: number): number[] => {
  const more = Math.floor(size / 128);
  return more === 0 ? [size % 128] : [(size % 128) | 128, ...sizeOf(more)];
};

const headOf = (type: number, size: number): Buffer => {
  const more = Math.floor(size / 16);
  const first = (type << 4) | (size % 16);
  return Buffer.from(more === 0 ? [first] : [first | 128, ...sizeOf(more)]);
};

const idOf = (kind: Kind, parts: readonly Buffer[]): Buffer => {
  const hash = createHash("sha1").update(`${kind} ${parts.reduce((sum, { length }) => sum + length, 0)}\0`);
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** An object as it is. */
export const packObject = (kind: Kind, data: Buffer): PackEntry => ({
  bytes: Buffer.concat([headOf(types[kind], data.length), deflateSync(data)]),
  id: idOf(kind, [data]),
});

/** A blob that is so many times another one, which is shorter than 16 MiB, and a number behind. */
export const packCopies = (base: PackEntry, content: Buffer, times: number, number: number): PackEntry => {
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(number);
  const { length } = content;
  const copy = Buffer.from([0xf0, length & 255, (length >> 8) & 255, length >> 16]);
  const sizes = Buffer.from([...sizeOf(length), ...sizeOf(length * times + 4)]);
  const delta = Buffer.concat([sizes, ...Array.from({ length: times }, () => copy), Buffer.from([4]), tail]);
  const parts = [...Array.from({ length: times }, () => content), tail];
  return {
    bytes: Buffer.concat([headOf(types.delta, delta.length), base.id, deflateSync(delta)]),
    id: idOf("blob", parts),
  };
};

/** A tree object; entries stand in Git's order. */
export const packTree = (entries: ReadonlyArray<readonly [mode: string, name: string, of: PackEntry]>): PackEntry =>
  packObject("tree", Buffer.concat(entries.flatMap(([mode, name, { id }]) => [Buffer.from(`${mode} ${name}\0`), id])));

/** A bundle of one commit with a tree on a base, and everything that it needs. */
export const packBundle = (
  base: string,
  tree: PackEntry,
  entries: readonly PackEntry[],
): { readonly bundle: Buffer; readonly head: string } => {
  const words = `tree ${tree.id.toString("hex")}\nparent ${base}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n`;
  const commit = packObject("commit", Buffer.from(words));
  const all = [...entries, tree, commit];
  const head = Buffer.alloc(12, "PACK");
  head.writeUInt32BE(2, 4);
  head.writeUInt32BE(all.length, 8);
  const pack = Buffer.concat([head, ...all.map(({ bytes }) => bytes)]);
  const id = commit.id.toString("hex");
  const header = Buffer.from(`# v2 git bundle\n-${base} base\n${id} refs/heads/proposal\n\n`);
  return { bundle: Buffer.concat([header, pack, createHash("sha1").update(pack).digest()]), head: id };
};
