import { runProcess } from "../cortex/run-process.ts";
import { runtimeEnvironment } from "./config.ts";
import { workAsProgram } from "./work-as-program.ts";

// Runs another program as the agent; the wrapper starts it in place of the cortex and gives it FD 3.
process.exit(await runProcess({ host: process, random: Math.random }, runtimeEnvironment, workAsProgram));
