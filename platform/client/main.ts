import { join } from "node:path";
import { buildClient } from "./build.ts";

const root = new URL("../..", import.meta.url).pathname;
const outDir = join(root, "dist", "client");
await buildClient(root, outDir);
console.log(`The client module is in ${outDir}; install it by its path.`);
