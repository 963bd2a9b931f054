import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import { cacheOf, isOnlyOurs } from "../own-places.ts";

// What Node compiled once it loads the next time in half the time. Nowhere else than in the user's own directory: code in a
// directory that others may write to would be theirs. Not by Node's variable, which the program would inherit.
const directory = join(cacheOf(process.env), "node");
try {
  await makeDirectory(directory, 0o700);
  if (await isOnlyOurs(directory, process.getuid?.() ?? 0)) enableCompileCache(directory);
} catch {
  // It works without, only slower.
}
await import("../main.ts");
