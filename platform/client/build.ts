import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build, stop } from "esbuild";
import { bundleOptions } from "../bundle-options.ts";

const source = "nervous-system/recorder/client";

/** The declarations of what the module shows, by the compiler: the types of `contract.ts`, and the one function. */
const declarations = async (root: string, outDir: string): Promise<string> => {
  const options = ["--ignoreConfig", "--declaration", "--emitDeclarationOnly", "--strict", "--outDir", outDir];
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [compiler, join(root, source, "contract.ts"), ...options]);
  const types = await readFile(join(outDir, "contract.d.ts"), "utf8");
  await rm(join(outDir, "contract.d.ts"));
  return `${types}/** See \`CreateContextClient\`. */\nexport declare const createContextClient: CreateContextClient;\n`;
};

const manifest = async (root: string): Promise<string> => {
  const { version, license } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Record<string, string>;
  const description = "Records what a program does through an Enchanted Swarm scribe";
  const files = {
    type: "module",
    exports: { ".": { types: "./enchanted-client.d.ts", default: "./enchanted-client.js" } },
  };
  return JSON.stringify(
    { name: "enchanted-client", version, description, license, ...files, engines: { node: ">=20" } },
    null,
    2,
  );
};

/** Makes the package of the client in `outDir`, from nothing: one module without dependencies, and its declarations. */
export const buildClient = async (root: string, outDir: string): Promise<void> => {
  await rm(outDir, { recursive: true, force: true });
  await build({
    ...bundleOptions(root),
    entryPoints: [join(root, source, "main.ts")],
    outfile: join(outDir, "enchanted-client.js"),
    target: "node20",
  });
  await stop();
  await writeFile(join(outDir, "enchanted-client.d.ts"), await declarations(root, outDir));
  await writeFile(join(outDir, "package.json"), `${await manifest(root)}\n`);
};
