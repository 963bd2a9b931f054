import type { RuntimeKind } from "#nervous-system/schemas/resources/runtime.ts";
import { custom } from "./custom.ts";
import type { RuntimeRow } from "./runtime.ts";

/** Every program that may be an agent, but the cortex, which is a program of its own. */
export const runtimes: { readonly [Kind in Exclude<RuntimeKind, "Cortex">]: RuntimeRow } = { Custom: custom };
