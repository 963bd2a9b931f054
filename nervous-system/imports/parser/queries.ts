import type { GrammarKind } from "../grammar-files.ts";

const javascript = `
(import_statement source: (string . (string_fragment) @name .))
(export_statement source: (string . (string_fragment) @name .))
(call_expression function: (import) arguments: (arguments . (string . (string_fragment) @name .)))
(call_expression function: (identifier) @call arguments: (arguments . (string . (string_fragment) @name .)) (#eq? @call "require"))
`;

const typescript = `${javascript}
(import_statement (import_require_clause source: (string . (string_fragment) @name .)))
`;

/**
 * Where each grammar has what a source imports: `@name`, in Python behind `@from`. A name with an escape in it matches nothing.
 * In Rust `@use` is a tree of paths, and `@module` names a module that stands in the file, from the begin of `@body` to its end.
 */
export const queries: Readonly<Record<GrammarKind, string>> = {
  javascript,
  typescript,
  tsx: typescript,
  python: `
(import_statement name: (dotted_name) @name)
(import_statement name: (aliased_import name: (dotted_name) @name))
(import_from_statement module_name: (_) @from name: (dotted_name) @name)
(import_from_statement module_name: (_) @from name: (aliased_import name: (dotted_name) @name))
(import_from_statement module_name: (_) @from (wildcard_import))
`,
  go: `
(import_spec path: (interpreted_string_literal (interpreted_string_literal_content) @name))
(import_spec path: (raw_string_literal (raw_string_literal_content) @name))
`,
  rust: `
(use_declaration argument: (_) @use)
(extern_crate_declaration name: (identifier) @name)
(mod_item name: (identifier) @file !body)
(mod_item name: (identifier) @module body: (declaration_list) @body)
((attribute_item (attribute (identifier) @key value: (string_literal (string_content) @placed))) . (mod_item !body) (#eq? @key "path"))
`,
  java: `
(import_declaration (_) @name . (asterisk)? @all)
`,
};
