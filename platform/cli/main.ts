// `npm run build:cli`: the command line, ready to start fast. Without it the launcher runs the sources.
import { repositoryRoot } from "../environment.ts";
import { buildCli, cliDirectory } from "./build.ts";

await buildCli(repositoryRoot, cliDirectory(repositoryRoot));
