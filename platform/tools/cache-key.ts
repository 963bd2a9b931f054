import { createHash } from "node:crypto";
import type { GoTool } from "../versions.ts";

/** Everything that decides what a build of a Go program answers. */
export type BuildInputs = {
  readonly tool: GoTool;
  readonly goMod: string;
  readonly goSum: string;
  readonly goVersion: string;
};

/** Names the cache entry of a build: group, version and a hash of everything the result depends on. */
export const renderCacheKey = ({ tool, goMod, goSum, goVersion }: BuildInputs): string => {
  const { package: path, cgo = false, tags = "", ldflags = "" } = tool;
  const inputs = JSON.stringify([goMod, goSum, goVersion, path, cgo, tags, ldflags]);
  const hash = createHash("sha256").update(inputs).digest("hex").slice(0, 16);
  return `${tool.group}-${tool.version}-${hash}`;
};
