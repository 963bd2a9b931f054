import { posix } from "node:path";

/** A tool cannot do what it was asked; the message goes to the model. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";
}

const outside = (path: string): ToolFailure =>
  new ToolFailure(`"${path}" is outside the workspace; give a path relative to the repository's root`);

/**
 * Splits a path that a model gave into the segments below the workspace's root; an absolute path is taken when it lies under
 * `root`. Throws `ToolFailure` for anything that would leave the workspace. Links are not looked at here.
 */
export const parseWorkspacePath = (root: string, path: string): readonly string[] => {
  if (path.includes("\0")) throw new ToolFailure("a path cannot hold a NUL character");
  const inRoot = path === root || path.startsWith(`${root}/`);
  if (path.startsWith("/") && !inRoot) throw outside(path);
  const normal = posix.normalize(inRoot ? path.slice(root.length).replace(/^\/+/, "") : path).replace(/\/+$/, "");
  if (normal === "" || normal === ".") return [];
  const segments = normal.split("/");
  if (segments[0] === "..") throw outside(path);
  return segments;
};

/** Throws `ToolFailure` when a path to be written is Git's own: hooks and configuration there are programs to be run. */
export const refuseGitsOwn = (segments: readonly string[]): void => {
  if (segments.some((segment) => segment.toLowerCase() === ".git"))
    throw new ToolFailure(`"${segments.join("/")}" belongs to Git itself; use the git tool`);
};

/** The segments that a symbolic link at `at` leads to, with `rest` behind it; throws `ToolFailure` when it leads outside. */
export const followLink = (
  root: string,
  at: readonly string[],
  target: string,
  rest: readonly string[],
): readonly string[] => {
  const from = target.startsWith("/") ? target : posix.join(...at.slice(0, -1), target);
  try {
    return [...parseWorkspacePath(root, from), ...rest];
  } catch {
    throw new ToolFailure(`"${at.join("/")}" is a symbolic link that leads outside the workspace`);
  }
};
