import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { grammarFiles } from "#nervous-system/imports/grammar-files.ts";
import { buildCli, cliDirectory } from "#platform/cli/build.ts";
import { pluginProgram } from "#platform/plugin/manifest.ts";
import { run } from "#platform/process/run.ts";

/** What the command line needs beside its bundle, by its places in the checkout. */
const files: readonly string[] = ["LICENSE", "package.json", pluginProgram, ...grammarFiles];

const node = "node_modules/.bin/node";

const copy = async (from: string, to: string): Promise<void> => {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
};

// The same files make the same archive, whoever packs it and when. krew takes no links, so Node is there as a file.
const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=ustar"];

/** Packs the command line with the Node that runs it, for this machine's kind of processor, and answers the archive's SHA-256 in hex. */
export const packPlugin = async (root: string, archive: string): Promise<string> => {
  const stage = await mkdtemp(join(tmpdir(), "enchanted-plugin-"));
  try {
    await buildCli(root, cliDirectory(stage));
    for (const file of [...files, node]) await copy(join(root, file), join(stage, file));
    for (const program of [pluginProgram, node]) await chmod(join(stage, program), 0o755);
    await mkdir(dirname(archive), { recursive: true });
    await run(["tar", ...reproducible, `--directory=${stage}`, "--gzip", "--create", `--file=${archive}`, "."]);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
  return sha256Of(archive);
};

/** SHA-256 of a file, in hex. */
export const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
};
