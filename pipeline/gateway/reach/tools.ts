import { wordOf } from "#nervous-system/codecs/exchange/fields.ts";
import {
  all,
  anything,
  byType,
  list,
  members,
  need,
  needing,
  quoted,
  type Shape,
} from "#pipeline/gateway/reach/shape.ts";
import { localSchema } from "#pipeline/gateway/reach/values.ts";

// Tools that the client runs itself, whatever their date (`bash_20250124`): the provider tells the model how to call them.
const clients = new Set(["function", "custom", "local_shell", "apply_patch", "bash", "text_editor", "memory"]);

const mcp = needing("McpServers", "has the provider connect to an MCP server");

/** A tool without a type is a client's if it has nothing but what describes one. */
const untyped = members({
  ...all(anything, "name description strict cache_control defer_loading eager_input_streaming allowed_callers"),
  ...all(localSchema, "parameters input_schema output_schema input_examples function type"),
});

const hosted =
  (type: unknown): Shape =>
  (_, walk) =>
    need(walk, "HostedTools", `is a tool of type ${quoted(type)}, which may run at the provider`);

const ofType = (type: unknown, { environment }: Readonly<Record<string, unknown>>): Shape => {
  if (type === undefined || type === null) return untyped;
  const family = wordOf(type).replace(/_\d{8}$/, "");
  if (clients.has(family)) return localSchema;
  const where = (environment as { readonly type?: unknown } | null | undefined)?.type;
  // Its commands run where the client is.
  if (family === "shell" && where === "local") return localSchema;
  return hosted(type);
};

/** A tool that a request offers: one that its client runs, or another as far as that is allowed. */
export const tool: Shape = byType(
  {
    ...all(mcp, "mcp mcp_toolset"),
    namespace: members({ ...all(anything, "type name description"), tools: (value, walk) => tools(value, walk) }),
  },
  ofType,
);

/** The tools that a request offers. */
export const tools: Shape = list(tool);
