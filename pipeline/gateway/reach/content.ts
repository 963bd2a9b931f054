import {
  all,
  anything,
  byType,
  list,
  members,
  needing,
  textOr,
  unknownType,
  type Shape,
} from "#pipeline/gateway/reach/shape.ts";
import { tool } from "#pipeline/gateway/reach/tools.ts";
import { inlineBytes, scalar } from "#pipeline/gateway/reach/values.ts";

/** A file that was stored at the provider by an earlier call, whoever made it. */
export const storedFile = needing("StoredFiles", "names a file that is stored at the provider");

const texts = all(
  anything,
  `type text id name title context refusal thinking signature data reasoning summary annotations logprobs citations
   cache_control prompt_cache_breakpoint encrypted_content encrypted_index phase`,
);
const text = members(texts);

const media = (name: string, table: Readonly<Record<string, Shape>> = {}): Shape =>
  members({
    ...all(anything, "type detail cache_control prompt_cache_breakpoint format media_type filename"),
    [name]: textOrUrl,
    ...table,
  });

const url = members({ ...all(anything, "detail format media_type"), url: inlineBytes });
const textOrUrl: Shape = (value, walk) => (typeof value === "string" ? inlineBytes : url)(value, walk);

const bytes = members({ ...all(anything, "type media_type format"), data: inlineBytes });
const file = members({ ...all(anything, "filename format"), file_data: inlineBytes, file_id: storedFile });

// Anthropic's, of which a text's bytes are the text itself.
const source = byType(
  {
    base64: bytes,
    text: members(all(anything, "type media_type data")),
    content: members({ type: anything, content: (value, walk) => content(value, walk) }),
    url: needing("RemoteContent", "has the provider fetch a URL"),
    file: needing("StoredFiles", "names a file that is stored at the provider"),
  },
  unknownType("OtherMembers", "a source of a type that the gateway does not know,"),
);

const marks = all(anything, "type id title context citations cache_control prompt_cache_breakpoint");
const attached = members({ ...marks, source, data: inlineBytes });
const nested = members({
  ...marks,
  ...all(scalar, "tool_use_id is_error source"),
  content: (value, walk) => content(value, walk),
});

// Tools that a conversation adds on its way, by name or with all that describes them.
const added = byType(
  { tool_reference: anything, tool_definition: members({ type: anything, definition: tool }) },
  unknownType("OtherMembers", "a tool of a type that the gateway does not know,"),
);

const hosted = needing("HostedTools", "comes of a tool that runs at the provider");
const ofMcp = needing("McpServers", "comes of an MCP server that the provider connects to");

/** The parts of a message's content, in whatever protocol. */
const part = byType(
  {
    ...all(text, "text input_text output_text refusal summary_text reasoning_text thinking redacted_thinking"),
    // A server may read the URLs of whatever part it is, so each is closed.
    tool_use: members(all(anything, "type id name input cache_control caller")),
    tool_reference: members(all(anything, "type tool_name name cache_control")),
    tool_call: members(all(anything, "type id name input args arguments cache_control")),
    compaction: members(all(anything, "type id content summary encrypted_content cache_control")),
    image_url: media("image_url"),
    video_url: media("video_url"),
    audio_url: media("audio_url"),
    input_image: media("image_url", { file_id: storedFile }),
    input_file: media("file_url", { file_data: inlineBytes, file_id: storedFile }),
    computer_screenshot: media("image_url", { file_id: storedFile }),
    input_audio: members({ type: anything, input_audio: bytes }),
    file: members({ ...all(anything, "type cache_control"), file }),
    ...all(attached, "image document"),
    ...all(nested, "tool_result search_result mid_conv_system"),
    ...all(
      hosted,
      `server_tool_use web_search_tool_result web_fetch_tool_result code_execution_tool_result
       bash_code_execution_tool_result text_editor_code_execution_tool_result tool_search_tool_result advisor_tool_result`,
    ),
    ...all(ofMcp, "mcp_tool_use mcp_tool_result"),
    container_upload: storedFile,
    ...all(members({ ...all(anything, "type cache_control"), tool: added }), "tool_addition tool_removal"),
  },
  unknownType("OtherMembers", "content of a type that the gateway does not know,"),
);

/** What a message holds: a text, or parts of which each may be a text. */
export const content: Shape = textOr(list(textOr(part)));
