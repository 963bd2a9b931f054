// `npm run build:plugin -- <URL>`: the archive of `kubectl enchanted` for this machine's kind of processor, and krew's manifest of
// every archive that is there. The URL is that of the folder from which people will fetch them.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { repositoryRoot } from "../environment.ts";
import { packPlugin, sha256Of } from "./archive.ts";
import { pluginName, renderPluginManifest, type PluginArchive } from "./manifest.ts";

const [folder = ""] = process.argv.slice(2);
if (!/^https:\/\/[^\s]+$/.test(folder)) {
  console.error("Name the https URL of the folder that the archives will be in: npm run build:plugin -- https://…");
  process.exit(2);
}
const outDir = join(repositoryRoot, "dist", "plugin");
const { version } = JSON.parse(await readFile(join(repositoryRoot, "package.json"), "utf8")) as { version: string };
const prefix = `${pluginName}-v${version}-linux-`;
const suffix = ".tar.gz";
const arch = process.arch === "x64" ? "amd64" : process.arch;
await packPlugin(repositoryRoot, join(outDir, `${prefix}${arch}${suffix}`));
const names = (await readdir(outDir)).filter((name) => name.startsWith(prefix) && name.endsWith(suffix)).toSorted();
const archives = await Promise.all(
  names.map(async (name): Promise<PluginArchive> => ({
    arch: name.slice(prefix.length, -suffix.length),
    uri: new URL(name, folder.endsWith("/") ? folder : `${folder}/`).href,
    sha256: await sha256Of(join(outDir, name)),
  })),
);
await writeFile(join(outDir, `${pluginName}.yaml`), stringify(renderPluginManifest(version, archives)));
console.log(`${names.length} archives and ${pluginName}.yaml are in ${outDir}.`);
