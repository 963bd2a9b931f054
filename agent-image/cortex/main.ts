import { cortexEnvironment } from "./config.ts";
import { runProcess } from "./run-process.ts";
import { workAsCoder } from "./work-as-coder.ts";

process.exit(await runProcess({ host: process, random: Math.random }, cortexEnvironment, workAsCoder));
