import { content, storedFile } from "#pipeline/gateway/reach/content.ts";
import {
  all,
  anything,
  byType,
  isFields,
  isNothing,
  list,
  members,
  needing,
  textOr,
  unknownType,
  type Shape,
} from "#pipeline/gateway/reach/shape.ts";
import { tools } from "#pipeline/gateway/reach/tools.ts";
import { inlineBytes, labels, localSchema, scalar, tier } from "#pipeline/gateway/reach/values.ts";

const hosted = needing("HostedTools", "has the provider run a tool of its own");
const mcp = needing("McpServers", "has the provider connect to MCP servers");
const state = needing("StoredState", "has the provider keep something for other calls, or names what it keeps");

const message = members({
  ...all(
    anything,
    `role name type id status phase tool_calls tool_call_id tool_name function_call refusal reasoning reasoning_content
     reasoning_details thinking annotations cache_control clear_at prefix partial weight logprobs encrypted_content
     internal_chat_message_metadata_passthrough`,
  ),
  output_config: localSchema,
  content,
  audio: state,
});

const messages = list(message);

// How to answer, and how to choose the words: those of the providers' own and of servers that follow them.
const sampling = `model stream max_tokens max_completion_tokens max_output_tokens temperature top_p top_k min_p typical_p top_a seed
  stop stop_sequences stop_token_ids n best_of echo suffix logprobs top_logprobs prompt_logprobs logit_bias presence_penalty
  frequency_penalty repetition_penalty length_penalty min_tokens ignore_eos skip_special_tokens include_stop_str_in_output
  spaces_between_special_tokens truncate_prompt_tokens add_generation_prompt continue_final_message add_special_tokens
  cache_prompt cache_salt n_predict num_ctx keep_alive use_beam_search mirostat mirostat_tau mirostat_eta`;

const thinking = `thinking think enable_thinking thinking_budget reasoning reasoning_effort reasoning_format include_reasoning
  verbosity effort context_management modalities audio safe_prompt random_seed`;

const calling = `tool_choice parallel_tool_calls parallel_function_calling max_tool_calls function_call stream_options usage
  tool_stream user safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options cache_control truncation include`;

const schemas = `response_format text output_format output_config json_schema guided_json guided_choice guided_regex guided_grammar
  structured_outputs grammar functions`;

const common = {
  ...all(anything, `${sampling} ${thinking} ${calling}`),
  ...all(localSchema, schemas),
  ...all(tier, "service_tier speed"),
  tools,
  prediction: members({ type: anything, content }),
  chat_template_kwargs: labels,
  metadata: labels,
  client_metadata: labels,
  store: state,
  background: state,
};

const chat = members({ ...common, messages, web_search_options: hosted });

/** Texts, or lists of tokens. */
const texts = textOr(list((value, walk) => (Array.isArray(value) ? list(scalar) : scalar)(value, walk)));
const completions = members({ ...common, prompt: texts });

const embeddings = members({
  ...all(anything, "model encoding_format dimensions user input_type truncate truncation task normalized"),
  input: texts,
});

const screenshot = members({ ...all(anything, "type detail"), image_url: inlineBytes, file_id: storedFile });

const output = members({
  ...all(
    anything,
    `type id call_id name status success execution acknowledged_safety_checks max_output_length phase
     internal_chat_message_metadata_passthrough`,
  ),
  output: textOr((value, walk) => (Array.isArray(value) ? content : screenshot)(value, walk)),
});

// What names an item and holds nothing of it.
const namingMembers = new Set(["id", "type", "role", "status", "phase"]);

/** Whether an item says no more than how it is called, so that the provider looks for what it keeps under that name. */
const isOnlyNamed = (item: unknown): boolean =>
  isFields(item) &&
  !isNothing(item["id"]) &&
  Object.keys(item).every((name) => namingMembers.has(name) || isNothing(item[name]) || item[name] === "");

const typedItem = byType(
  {
    message,
    ...all(
      anything,
      `reasoning function_call custom_tool_call local_shell_call local_shell_call_output shell_call shell_call_output
       apply_patch_call apply_patch_call_output computer_call tool_search_call web_search_call compaction compaction_summary
       compaction_trigger`,
    ),
    ...all(output, "function_call_output custom_tool_call_output computer_call_output"),
    tool_search_output: members({ ...all(anything, "type id call_id status execution"), tools }),
    ...all(hosted, "file_search_call code_interpreter_call image_generation_call"),
    ...all(mcp, "mcp_call mcp_list_tools mcp_approval_request mcp_approval_response"),
    item_reference: state,
  },
  (type, fields) => {
    if (type !== undefined && type !== null)
      return unknownType("OtherMembers", "an item of a type that the gateway does not know,")(type);
    // Without a type it is a message, or else the name of an item that the provider keeps.
    return isNothing(fields["role"]) ? state : message;
  },
);

const item: Shape = (value, walk) => (isOnlyNamed(value) ? state : typedItem)(value, walk);

const responses = members({
  ...common,
  input: textOr(list(textOr(item))),
  instructions: textOr(list(textOr(item))),
  ...all(state, "previous_response_id conversation prompt"),
});

const anthropic = members({
  ...all(
    anything,
    `model max_tokens stream temperature top_p top_k stop_sequences thinking tool_choice context_management cache_control safeguards`,
  ),
  ...all(tier, "service_tier speed"),
  ...all(localSchema, "output_format output_config"),
  metadata: labels,
  messages,
  system: content,
  tools,
  mcp_servers: mcp,
  container: hosted,
});

/** What a request of each operation of the gateway may hold. */
export const requestShapes: Readonly<Record<string, Shape>> = {
  "chat/completions": chat,
  completions,
  responses,
  embeddings,
  messages: anthropic,
  "messages/count_tokens": anthropic,
};
