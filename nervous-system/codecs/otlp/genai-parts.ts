import { defined, isMembers, unfold, type Members } from "./frame-values.ts";

/** A list as it is, anything else as a list of it, nothing as an empty one. */
export const listOf = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

/** Calls of tools and their answers as Vercel's AI SDK (`tool-call`) and Gemini (`function_call`) write them. */
const toolPart = (part: Members): unknown => {
  const { function_call: call, function_response: answer } = part;
  if (isMembers(call))
    return defined({ type: "tool_call", id: call["id"], name: call["name"], arguments: call["args"] });
  if (isMembers(answer))
    return defined({
      type: "tool_call_response",
      id: answer["id"],
      name: answer["name"],
      response: answer["response"],
    });
  const { toolCallId: id, toolName: name } = part;
  if (part["type"] === "tool-result")
    return defined({ type: "tool_call_response", id, name, response: part["output"] ?? part["result"] });
  if (typeof name !== "string") return part;
  return defined({ type: "tool_call", id, name, arguments: unfold(part["input"] ?? part["args"]) });
};

/** A part in the conventions' words; OpenAI and Anthropic call the content of a text `text`, Gemini needs no type for it. */
const contentPart = (part: unknown): unknown => {
  if (typeof part === "string") return { type: "text", content: part };
  if (!isMembers(part)) return part;
  const { text, type = "text", ...rest } = part;
  if (typeof text !== "string" || type !== "text" || "content" in part) return toolPart(part);
  return { ...rest, type, content: text };
};

/** Content of a message as parts in the words of the conventions. */
export const contentParts = (content: unknown): unknown[] => listOf(content ?? undefined).map(contentPart);

/** A call of a tool: OpenAI nests `{id, function: {name, arguments}}`, OpenInference once more in `tool_call`; OpenLLMetry has them flat. */
export const toolCallPart = (call: unknown): unknown => {
  if (!isMembers(call)) return call;
  const inner = isMembers(call["tool_call"]) ? call["tool_call"] : call;
  const said = isMembers(inner["function"]) ? { ...inner, ...inner["function"] } : inner;
  return defined({ type: "tool_call", id: said["id"], name: said["name"], arguments: unfold(said["arguments"]) });
};
