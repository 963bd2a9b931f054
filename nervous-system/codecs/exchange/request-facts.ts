import { countOf, fieldsOf, listOf, memberAt, presentOf, textOf, wordOf, type Fields } from "./fields.ts";

/** What a request asks for beside its messages; absent where it leaves that to the provider. */
export type RequestFacts = {
  /** Names of the tools that the model may call; of a tool of the provider's own its type. */
  readonly toolsOffered?: readonly string[];
  /** How hard the model is to think, in the provider's word. */
  readonly effort?: string;
  /** Tokens that it may think and answer with at most. */
  readonly thinkingLimit?: number;
  readonly outputLimit?: number;
};

/** Gemini has declarations in each tool, or a tool of its own by its name, such as `googleSearch`. */
const geminiNames = (tool: Fields): readonly string[] => {
  const declared = listOf(tool["functionDeclarations"] ?? tool["function_declarations"]);
  return declared.length > 0 ? declared.map((one) => wordOf(memberAt(one, "name"))) : Object.keys(tool).slice(0, 1);
};

const namesOf = (tool: unknown): readonly string[] => {
  const fields = fieldsOf(tool);
  const name = textOf(
    memberAt(fields, "function", "name"),
    memberAt(fields, "custom", "name"),
    fields["name"],
    fields["type"],
  );
  return name === undefined ? geminiNames(fields) : [name];
};

/** Reads what a request of any of the protocols asks for. */
export const requestFactsOf = (body: Fields): RequestFacts => {
  const toolsOffered = listOf(body["tools"] ?? body["functions"])
    .flatMap(namesOf)
    .filter((name) => name !== "");
  const gemini = body["generationConfig"] ?? body["generation_config"];
  const thinking = memberAt(gemini, "thinkingConfig");
  return presentOf({
    toolsOffered: toolsOffered.length > 0 ? toolsOffered : undefined,
    effort: textOf(
      body["reasoning_effort"],
      memberAt(body, "reasoning", "effort"),
      memberAt(body, "output_config", "effort"),
      memberAt(thinking, "thinkingLevel"),
    ),
    thinkingLimit: countOf(
      memberAt(body, "thinking", "budget_tokens"),
      memberAt(body, "reasoning", "max_tokens"),
      memberAt(thinking, "thinkingBudget"),
    ),
    outputLimit: countOf(
      body["max_completion_tokens"],
      body["max_output_tokens"],
      body["max_tokens"],
      memberAt(gemini, "maxOutputTokens"),
    ),
  });
};
