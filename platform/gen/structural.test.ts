import { describe, expect, it } from "@jest/globals";
import * as z from "zod";
import type { ResourceDefinition } from "#nervous-system/schemas/resources/define-resource.ts";
import { resources } from "#nervous-system/schemas/resources/catalog.ts";
import { renderCrd } from "#platform/gen/crd.ts";

const definitionOf = (spec: z.ZodType): ResourceDefinition => ({
  kind: "Sample",
  plural: "samples",
  singular: "sample",
  shortNames: [],
  description: "A sample.",
  spec,
  status: z.object({}).describe("Nothing."),
  rules: [],
  columns: [],
});

describe("a schema is refused when", () => {
  const cases: ReadonlyArray<[string, z.ZodType, RegExp]> = [
    [
      "a field has no description",
      z.object({ a: z.string().max(3) }).describe("x"),
      /Sample\.spec\.a: has no description/,
    ],
    [
      "a string has no bound",
      z.object({ a: z.string().describe("x") }).describe("x"),
      /Sample\.spec\.a: a string without maxLength/,
    ],
    [
      "a list has no bound",
      z.object({ a: z.array(z.boolean().describe("y")).describe("x") }).describe("x"),
      /Sample\.spec\.a: a list without maxItems/,
    ],
    [
      "a map has no bound",
      z.object({ a: z.record(z.string(), z.boolean().describe("y")).describe("x") }).describe("x"),
      /Sample\.spec\.a: a map without maxProperties/,
    ],
    [
      "values of a map have no bound",
      z
        .object({ a: z.record(z.string(), z.string().describe("y")).meta({ description: "x", maxProperties: 2 }) })
        .describe("x"),
      /Sample\.spec\.a\.\*: a string without maxLength/,
    ],
    [
      "a field is one of several types",
      z.object({ a: z.union([z.boolean(), z.int32()]).describe("x") }).describe("x"),
      /Sample\.spec\.a: (anyOf|has no type)/,
    ],
  ];
  it.each(cases)("%s", (_, schema, fault) => {
    expect(() => renderCrd(definitionOf(schema))).toThrow(fault);
  });
});

describe("every resource", () => {
  it.each(resources.map((definition) => [definition.kind, definition] as const))("%s renders", (_, definition) => {
    const crd = renderCrd(definition) as { metadata: { name: string } };
    expect(crd.metadata.name).toBe(`${definition.plural}.swarm.enchanted.dev`);
  });
});
