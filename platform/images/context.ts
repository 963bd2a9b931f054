import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../process/run.ts";

/** What goes into the context of an image build. */
export type ContextParts = {
  /** Text of the Dockerfile. */
  readonly dockerfile: string;
  /** Path inside the context → file or directory on disk. */
  readonly files: Readonly<Record<string, string>>;
};

/** A packed build context: the same inputs always make the same bytes. */
export type PackedContext = AsyncDisposable & { readonly tarFile: string; readonly sha256: string };

const hashFile = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
};

const stage = async (dir: string, { dockerfile, files }: ContextParts): Promise<void> => {
  await writeFile(join(dir, "Dockerfile"), dockerfile);
  for (const [inside, source] of Object.entries(files)) {
    await mkdir(dirname(join(dir, inside)), { recursive: true });
    await symlink(source, join(dir, inside));
  }
};

/** Packs a build context into a temporary tar file. */
export const packContext = async (parts: ContextParts): Promise<PackedContext> => {
  const dir = await mkdtemp(join(tmpdir(), "enchanted-context-"));
  const [staged, tarFile] = [join(dir, "context"), join(dir, "context.tar")];
  await mkdir(staged);
  await stage(staged, parts);
  const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=a+rX,go-w"];
  await run(["tar", "--create", "--dereference", ...reproducible, "--file", tarFile, "--directory", staged, "."]);
  return {
    tarFile,
    sha256: await hashFile(tarFile),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
};
