import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";

// What Node compiled once it loads the next time in half the time. Nowhere else than in the user's own directory: code in a
// directory that others may write to would be theirs. Not by Node's variable, which the program would inherit.
const { XDG_CACHE_HOME: named = "", HOME: home } = process.env;
const directory = join(isAbsolute(named) ? named : join(home || homedir(), ".cache"), "enchanted", "node");
try {
  await makeDirectory(directory, 0o700);
  enableCompileCache(directory);
} catch {
  // It works without, only slower.
}
await import("../main.ts");
